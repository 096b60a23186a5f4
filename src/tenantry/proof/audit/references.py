"""Foreign keys by what they reach: rows of another tenant, pointed at or changed by a cascade.

References are checked, and cascades run, past row security. So this looks at every foreign key of the database that
touches rows of tenants, on whichever side: at those that no model declares, at those of tables that no model declares,
and at declared ones whose cascade begins in a table that all tenants share.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.finding import Draft, Severity, draft
from tenantry.proof.audit.snapshot import Key, Row, Snapshot
from tenantry.sql import identifier, qualified

__all__ = ["check_references", "is_across"]

_ACTING = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


def check_references(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the foreign keys by which one tenant reaches rows of others."""
    for row in snapshot.facts["references"]:
        if is_across(row, snapshot):
            yield from _across(row, snapshot)
        elif _holds_tenants(_source(row), snapshot) and not _holds_tenants(_target(row), snapshot):
            yield from _from_shared(row, snapshot)


def is_across(row: Row, snapshot: Snapshot) -> bool:
    """Return whether the reference leads to a tenant's row and does not carry the tenant."""
    wanted = _tenant_column(_target(row), snapshot)
    if wanted is None:
        return False
    carried = _tenant_column(_source(row), snapshot)
    return (carried, wanted) not in zip(row["columns"], row["target_columns"], strict=True)


def _across(row: Row, snapshot: Snapshot) -> Iterator[Draft]:
    application = snapshot.service.roles.application
    severity: Severity = "error" if row["is_writable"] else "warning"
    message = (
        f"{'.'.join(_source(row))} refers to {'.'.join(_target(row))} by {', '.join(row['columns'])}: it can point at "
        "any tenant's row, and whether one exists is told."
    )
    yield draft("reference_across", _object(row), message, _dropped(row), severity=severity)
    actions = [
        f"ON {event} {_ACTING[row[field]]}"
        for event, field in (("DELETE", "on_delete"), ("UPDATE", "on_update"))
        if row[field] in _ACTING
    ]
    if actions:
        may = row["is_target_deletable"] or row["is_target_updatable"]
        message = f"{' and '.join(actions)}: what {application} does to a row of its tenant reaches rows of others."
        severity = "error" if may else "warning"
        yield draft("cascade_across", _object(row), message, _dropped(row), severity=severity)


def _from_shared(row: Row, snapshot: Snapshot) -> Iterator[Draft]:
    """Look at a reference of a tenant's table to one without tenants: harmless unless the application sets it off."""
    application, target = snapshot.service.roles.application, ".".join(_target(row))
    for event, field, may in (
        ("DELETE", "on_delete", row["is_target_deletable"]),
        ("UPDATE", "on_update", row["is_target_updatable"]),
    ):
        if row[field] in _ACTING and may:
            message = (
                f"ON {event} {_ACTING[row[field]]}: {application} may {event} in {target}, which all tenants share."
            )
            yield draft("cascade_across", _object(row), message, _dropped(row))


def _tenant_column(key: Key, snapshot: Snapshot) -> str | None:
    """Return the tenant column of a table that holds rows of tenants."""
    _, declaration = snapshot.tables.get(key, (None, None))
    return declaration.tenant_column if declaration is not None and declaration.kind.is_isolated else None


def _holds_tenants(key: Key, snapshot: Snapshot) -> bool:
    return _tenant_column(key, snapshot) is not None


def _source(row: Row) -> Key:
    return row["schema"], row["table"]


def _target(row: Row) -> Key:
    return row["target_schema"], row["target"]


def _object(row: Row) -> str:
    return f"constraint {'.'.join((*_source(row), row['name']))}"


def _dropped(row: Row) -> str:
    return f"ALTER TABLE {qualified(*_source(row))} DROP CONSTRAINT {identifier(row['name'])}"
