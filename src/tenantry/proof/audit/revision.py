"""The schema's revision: whether the database is where this build expects it."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.script import ScriptDirectory
from alembic.util import CommandError

from tenantry.migrations.configuration import script_directory
from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.privileges import VERSION_TABLE
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import qualified

__all__ = ["check_revision"]


def check_revision(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the finding that the schema is at another revision than the head of the service's migrations."""
    scripts = script_directory(snapshot.service)
    wanted = set(scripts.get_heads())
    found: set[str] = set()
    version_table = snapshot.relations.get(VERSION_TABLE)
    if version_table is not None and not version_table["is_readable"]:
        message = "The schema's revision was not looked at: the audit's role may not read it."
        yield draft("not_compared", f"table {'.'.join(VERSION_TABLE)}", message, "Audit in the role of the owner.")
        return
    if version_table is not None:
        statement = f"SELECT version_num FROM {qualified(*VERSION_TABLE)}"  # noqa: S608  # quoted by `qualified`
        found = set(snapshot.connection.exec_driver_sql(statement).scalars())
    for revision in sorted(found - wanted):
        if not _is_known(scripts, revision):
            message = (
                f"The schema is at revision {revision}, which this build does not know: a newer build migrated it."
            )
            yield draft("revision_unknown", f"revision {revision}", message, "Deploy the build that migrated it.")
            return
    for revision in sorted(wanted - found):
        at = ", ".join(sorted(found)) or "no revision"
        message = f"The schema is at {at}, and this build expects {revision}."
        command = f"tenantry migrate --service {snapshot.service.name}"
        yield draft("revision_behind", f"revision {revision}", message, command)


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    try:
        return scripts.get_revision(revision) is not None
    except CommandError:
        return False
