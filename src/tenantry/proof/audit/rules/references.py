"""Foreign keys that lead from one tenant to rows of other tenants, directly or by a cascade.

PostgreSQL checks references and runs cascades without row security. So these rules check every foreign key of the
database with rows of tenants on one side: undeclared ones, those of undeclared tables, and declared ones whose cascade
begins in a table that all tenants share.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.foreign_keys import holds_tenants, is_across, source_of, target_of
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot
from tenantry.sql import identifier, qualified

_ACTING = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


@rule(
    "TN418",
    "error",
    reason="PostgreSQL checks references without row security: a tenant can refer to another tenant's row, and find "
    "out which rows exist.",
    remedy="Refer by (tenant, id) to a unique key (tenant, id).",
)
def reference_across(snapshot: Snapshot) -> Iterator[Violation]:
    """Every reference to a table of tenants includes the tenant column."""
    for row in snapshot.facts["references"]:
        if is_across(row, snapshot):
            message = (
                f"{'.'.join(source_of(row))} refers to {'.'.join(target_of(row))} by {', '.join(row['columns'])}: "
                "it can refer to any tenant's row, and an error reveals whether the row exists."
            )
            severity: Severity = "error" if row["is_writable"] else "warning"
            yield violation(_object(row), message, _drop(row), severity=severity)


@rule(
    "TN419",
    "error",
    reason="Cascades ignore row security: a tenant that deletes its own row, or a row that all tenants share, changes "
    "the rows of other tenants.",
    remedy="Refer by (tenant, id), or use NO ACTION. Do not let the application delete rows that tenants' rows refer "
    "to.",
)
def cascade_across(snapshot: Snapshot) -> Iterator[Violation]:
    """No ON DELETE and no ON UPDATE action of one tenant's statement changes rows of other tenants."""
    for row in snapshot.facts["references"]:
        if is_across(row, snapshot):
            yield from _between_tenants(row, snapshot)
        elif holds_tenants(source_of(row), snapshot) and not holds_tenants(target_of(row), snapshot):
            yield from _from_shared(row, snapshot)


def _between_tenants(row: Row, snapshot: Snapshot) -> Iterator[Violation]:
    actions = [
        f"ON {event} {_ACTING[row[field]]}"
        for event, field in (("DELETE", "on_delete"), ("UPDATE", "on_update"))
        if row[field] in _ACTING
    ]
    if actions:
        application = snapshot.service.roles.application
        message = (
            f"{' and '.join(actions)}: a statement of {application} on a tenant's row changes rows of other tenants."
        )
        severity: Severity = "error" if row["is_target_deletable"] or row["is_target_updatable"] else "warning"
        yield violation(_object(row), message, _drop(row), severity=severity)


def _from_shared(row: Row, snapshot: Snapshot) -> Iterator[Violation]:
    """Check a reference of a tenant's table to one without tenants: harmless unless the application can trigger it."""
    application, target = snapshot.service.roles.application, ".".join(target_of(row))
    for event, field, may in (
        ("DELETE", "on_delete", row["is_target_deletable"]),
        ("UPDATE", "on_update", row["is_target_updatable"]),
    ):
        if row[field] in _ACTING and may:
            message = (
                f"ON {event} {_ACTING[row[field]]}: {application} may {event} in {target}, which all tenants share."
            )
            yield violation(_object(row), message, _drop(row))


def _object(row: Row) -> str:
    return f"constraint {'.'.join((*source_of(row), row['name']))}"


def _drop(row: Row) -> str:
    return f"ALTER TABLE {qualified(*source_of(row))} DROP CONSTRAINT {identifier(row['name'])}"
