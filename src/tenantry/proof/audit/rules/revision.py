"""The revision of the schema, and what the audit's role may not read."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import VERSION_TABLE, Snapshot


@rule(
    "TN501",
    "error",
    reason="The code runs on tables that it was not written for.",
    remedy="Run `tenantry migrate`.",
)
def revision_behind(snapshot: Snapshot) -> Iterator[Violation]:
    """The schema is at the revision that this build expects."""
    found, expected, unknown, is_readable, _ = snapshot.revisions
    # Other rules report an unknown revision and an unreadable one.
    if unknown or not is_readable:
        return
    if len(expected) > 1:
        message = f"The migrations have {len(expected)} heads: {' and '.join(sorted(expected))}."
        yield violation("revisions", message, f"tenantry merge --service {snapshot.service.name}")
        return
    for revision in sorted(expected - found):
        message = f"The schema is at {', '.join(sorted(found)) or 'no revision'}, and this build expects {revision}."
        yield violation(f"revision {revision}", message, f"tenantry migrate --service {snapshot.service.name}")


@rule(
    "TN502",
    "error",
    reason="A newer build has migrated the database, and this build does not know how the tables are now.",
    remedy="Deploy the build that migrated the database.",
)
def revision_unknown(snapshot: Snapshot) -> Iterator[Violation]:
    """This build knows the revision of the schema."""
    for revision in sorted(snapshot.revisions.unknown)[:1]:
        message = f"The schema is at revision {revision}, which this build does not know: a newer build migrated it."
        yield violation(f"revision {revision}", message, "Deploy the build that migrated it.")


@rule(
    "TN503",
    "warning",
    reason="Objects that were not read may be wrong.",
    remedy="Audit in the role of the owner, or grant the audit's role SELECT on the object that the finding names.",
)
def not_compared(snapshot: Snapshot) -> Iterator[Violation]:
    """The audit's role may read everything that is compared."""
    owner = f"Audit in the role of the owner, {snapshot.service.roles.owner}."
    for key in snapshot.tables:
        row = snapshot.relations.get(key)
        if row is not None and not row["is_readable"]:
            message = "Checks and defaults were not compared: the audit's role may not SELECT from the table."
            yield violation(f"table {'.'.join(key)}", message, owner)
    if not snapshot.revisions.is_readable:
        message = "The schema's revision was not compared: the audit's role may not SELECT from the table."
        yield violation(f"table {'.'.join(VERSION_TABLE)}", message, owner)
    for item in sorted(snapshot.unknown):
        message = "Its text was not compared: the audit's role may not create a schema, in which the server spells it."
        remedy = f"{owner} It needs CREATE on the database."
        yield violation(item, message, remedy)
    for name in snapshot.unread:
        message = f"The audit's role may not execute the statement {name!r}, so its rows were not compared."
        remedy = "Audit in the role of the owner, or grant SELECT on the system's catalog as on a new server."
        yield violation(f"catalog {name}", message, remedy)
