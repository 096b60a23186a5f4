"""The checksum of each applied revision, in a column of Alembic's version table.

Alembic writes only `version_num`, so the row of the current revision keeps the checksums of all revisions before it. A
checksum is recorded in the transaction of its revision. A revision that was applied without this package gets the
checksum that its file has at the next migration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from tenantry.deployment import Deployment
from tenantry.migrations.checksum import checksum_of
from tenantry.migrations.configuration import script_directory
from tenantry.migrations.fingerprint import MODELS, fingerprint_if_covered
from tenantry.migrations.operations.base import statement
from tenantry.migrations.version_table import VERSION_TABLE
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.statements import load_statements
from tenantry.service import Service
from tenantry.sql import literal
from tenantry.tracebacks import shown_path

__all__ = ["Edited", "Recorder", "describe_edited", "find_edited", "read_edited", "read_recorded", "recorded_query"]

_STATEMENTS = load_statements("tenantry.migrations", "version_table.sql")


class Edited(NamedTuple):
    """A revision whose file was edited after the revision was applied."""

    revision: str
    path: str


class Recorder:
    """Records the checksums in one run of migrations, online or in a script."""

    def __init__(self) -> None:
        self._is_ready: bool | None = None

    def apply_version(self, ctx: MigrationContext, step: MigrationInfo) -> None:
        """Record or remove the checksum of a revision; Alembic calls it in the revision's transaction."""
        if step.is_stamp or not self._prepare(ctx):
            return
        if step.is_upgrade:
            script = step.up_revision
            assert isinstance(script, Script)
            self._change(ctx, _added({script.revision: checksum_of(script.path)}))
        else:
            self._change(ctx, f"- {literal(step.up_revision_id or '')}")

    def finish(
        self,
        ctx: MigrationContext,
        scripts: ScriptDirectory,
        service: Service,
        *,
        has_moved: bool,
        accept_edits: bool = False,
    ) -> None:
        """Record what no run has recorded; with `accept_edits`, record all applied revisions again.

        `has_moved` is True if the run applied a revision: then the fingerprint of the models is recorded at head.
        """
        if not self._prepare(ctx) or ctx.connection is None:
            return
        heads = ctx.get_current_heads()
        applied = list(_applied(scripts, heads))
        recorded = read_recorded(ctx.connection)
        missing = {
            script.revision: checksum_of(script.path)
            for script in applied
            if accept_edits or script.revision not in recorded
        }
        if has_moved and heads and set(heads) == set(scripts.get_heads()):
            missing[MODELS] = fingerprint_if_covered(ctx.connection, service)
        if missing:
            self._change(ctx, _added(missing))

    def _prepare(self, ctx: MigrationContext) -> bool:
        """Add the column if it is missing; return False if another role owns the table."""
        if self._is_ready is None:
            add = _STATEMENTS["add_column"].format(table=VERSION_TABLE)
            if ctx.connection is None or ctx.as_sql:
                ctx.execute(statement(add))
                self._is_ready = True
                return True
            found = ctx.connection.exec_driver_sql(_STATEMENTS["recordable"], (VERSION_TABLE,)).mappings().one()
            self._is_ready = bool(found["exists"] and found["is_alterable"])
            # ALTER TABLE locks out the probes that read the revision, so it is sent only once.
            if self._is_ready and not found["has_column"]:
                ctx.execute(statement(add))
        return self._is_ready

    @staticmethod
    def _change(ctx: MigrationContext, change: str) -> None:
        ctx.execute(statement(_STATEMENTS["record"].format(table=VERSION_TABLE, change=change)))


def recorded_query() -> str:
    """Return the query of the recorded checksums, one row for each. It fails if there is no version table."""
    return _STATEMENTS["recorded"].format(table=VERSION_TABLE)


def read_recorded(connection: Connection) -> dict[str, str]:
    """Return the recorded checksums by revision."""
    return {row[0]: row[1] for row in connection.exec_driver_sql(recorded_query())}


def find_edited(scripts: ScriptDirectory, recorded: Mapping[str, str]) -> list[Edited]:
    """Return the applied revisions whose file is not as it was, in the order of the history."""
    return [
        Edited(script.revision, shown_path(Path(script.path)))
        for script in reversed(list(scripts.walk_revisions()))
        if recorded.get(script.revision, "") not in ("", checksum_of(script.path))
    ]


async def read_edited(deployment: Deployment, purpose: Purpose = "application") -> list[Edited]:
    """Return the applied revisions of a deployment's database whose file was edited afterwards."""
    async with deployment.connect(purpose, "migrations") as connection:
        if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", VERSION_TABLE):
            return []
        rows = await connection.fetch(recorded_query())
    return find_edited(script_directory(deployment.service), {row["key"]: row["value"] for row in rows})


def describe_edited(edited: Edited, service: Service) -> tuple[str, str]:
    """Return what happened, and what to do."""
    remedy = (
        f"Restore the file (git log -p -- {edited.path} shows the edit), and write the change as a new revision. If "
        f"the edit changes nothing for this database: tenantry migrate --accept-edits --service {service.name}"
    )
    return f"Revision {edited.revision} was edited after it was applied to this database: {edited.path}.", remedy


def _added(checksums: Mapping[str, str]) -> str:
    return f"|| {literal(json.dumps(checksums))}::jsonb"


def _applied(scripts: ScriptDirectory, heads: Iterable[str]) -> Iterable[Script]:
    try:
        return scripts.iterate_revisions(tuple(heads), "base", implicit_base=True, inclusive=True)
    except CommandError:
        return ()
