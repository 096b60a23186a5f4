"""Foreign keys as the statement `references` returns them, and whether one leads to rows of other tenants."""

from __future__ import annotations

from tenantry.proof.audit.snapshot import Key, Row, Snapshot

__all__ = ["holds_tenants", "is_across", "source_of", "target_of"]


def is_across(row: Row, snapshot: Snapshot) -> bool:
    """Return whether the foreign key refers to rows of tenants without the tenant column."""
    wanted = _tenant_column(target_of(row), snapshot)
    if wanted is None:
        return False
    carried = _tenant_column(source_of(row), snapshot)
    return (carried, wanted) not in zip(row["columns"], row["target_columns"], strict=True)


def holds_tenants(key: Key, snapshot: Snapshot) -> bool:
    """Return whether the table is declared and holds rows of tenants."""
    return _tenant_column(key, snapshot) is not None


def source_of(row: Row) -> Key:
    """Return the table that has the foreign key."""
    return row["schema"], row["table"]


def target_of(row: Row) -> Key:
    """Return the table that the foreign key refers to."""
    return row["target_schema"], row["target"]


def _tenant_column(key: Key, snapshot: Snapshot) -> str | None:
    _, declaration = snapshot.tables.get(key, (None, None))
    return declaration.tenant_column if declaration is not None and declaration.kind.is_isolated else None
