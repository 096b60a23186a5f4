"""The operations that change an enum or a domain to the declared one."""

from __future__ import annotations

from collections.abc import Iterator

from alembic.operations import MigrateOperation, ops

from tenantry.migrations.operations import AlterEnumOp, CreateDomainOp, CreateEnumOp, DropDomainOp, DropEnumOp
from tenantry.migrations.operations.found import SQLOp
from tenantry.postgres.objects import DatabaseObject, Domain, Enum

__all__ = ["type_operations"]


def type_operations(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Yield the operations that change `old` to `new`; either may be None.

    Raises:
        MigrationError: PostgreSQL cannot make the change.
    """
    match old, new:
        case Enum(), Enum():
            yield from _change_enum(old, new)
        case Domain(), Domain():
            first, *rest = old.changes_to(new)
            back: list[MigrateOperation] = [SQLOp(statement, None) for statement in new.changes_to(old)]
            yield SQLOp(first, ops.ModifyTableOps(old.name, back))
            yield from (SQLOp(statement, None) for statement in rest)
        case None, Enum() | Domain():
            yield CreateEnumOp(new) if isinstance(new, Enum) else CreateDomainOp(new)
        case Enum() | Domain(), None:
            yield DropEnumOp(old) if isinstance(old, Enum) else DropDomainOp(old)


def _change_enum(old: Enum, new: Enum) -> Iterator[MigrateOperation]:
    """Add values before the tables change, and remove values after it, because a default may have used them."""
    both = new if new.has_all_of(old) else old.with_values_of(new)
    if both != old:
        yield AlterEnumOp(both, old)
    if both != new:
        yield AlterEnumOp(new, both)
