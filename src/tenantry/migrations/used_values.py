"""Enum values that expressions use: a transaction may not use a value that it has added (manual, ALTER TYPE).

So a revision replaces the enum instead of adding such a value, which takes a rewrite of its tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import CheckConstraint, MetaData

from tenantry.migrations.difference import Difference
from tenantry.migrations.operations import AlterEnumOp
from tenantry.postgres.objects import Enum
from tenantry.postgres.tables.compiling import as_sql, default_sql
from tenantry.postgres.tables.found import FoundTables
from tenantry.postgres.tables.indexes import create_index
from tenantry.sql import literal

__all__ = ["rebuild_used_enums"]


def rebuild_used_enums(differences: Iterable[Difference], metadata: MetaData, found: FoundTables) -> None:
    """Mark the operations that have to replace an enum, on the way up and on the way back."""
    declared, there = list(_declared(metadata)), list(_found(found))
    for difference in differences:
        for operation in difference.operations:
            if isinstance(operation, AlterEnumOp):
                operation.is_rebuilt |= _uses_one(declared, operation.item, operation.previous)
                operation.is_undo_rebuilt = _uses_one(there, operation.previous, operation.item)


def _uses_one(expressions: Iterable[str], new: Enum, old: Enum) -> bool:
    """Return whether an expression contains a value that only the new enum has."""
    added = [literal(value) for value in new.values if value not in old.values]
    return any(value in sql for sql in expressions for value in added)


def _declared(metadata: MetaData) -> Iterator[str]:
    for table in metadata.tables.values():
        for column in table.columns:
            yield default_sql(column) or ""
            yield "" if column.computed is None else as_sql(column.computed.sqltext)
        yield from (as_sql(item.sqltext) for item in table.constraints if isinstance(item, CheckConstraint))
        yield from map(create_index, table.indexes)


def _found(found: FoundTables) -> Iterator[str]:
    for columns in found.columns.values():
        yield from (row["default"] or "" for row in columns.values())
    for parts in (*found.constraints.values(), *found.indexes.values()):
        yield from (row["definition"] for row in parts.values())
