"""What differs between declared tables and those in the catalog, by the same rules as in the audit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, Connection, Index, Table

from tenantry.postgres.tables.columns import ColumnDifference, Row, column_differences
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import index_name, key_of
from tenantry.postgres.tables.constraints import ConstraintPair, match_constraints
from tenantry.postgres.tables.found import FoundTables
from tenantry.postgres.tables.indexes import is_same_index
from tenantry.postgres.tables.options import TableDifference, table_differences

__all__ = ["TableChanges", "find_changes"]

# The first version of the server that can change the expression of a generated column.
SET_EXPRESSION = 170000


@dataclass
class TableChanges:
    """The differences of one table.

    Attributes:
        table: the declared table.
        dropped: constraints and indexes to drop, also those that are made again.
        constraints: constraints to add.
        indexes: indexes to create.
        columns: differences by column.
        replaced: generated columns that have to be dropped and added.
        options: differences of the table itself.
    """

    table: Table
    dropped: list[Row] = field(default_factory=list)
    dropped_indexes: list[Row] = field(default_factory=list)
    constraints: list[ConstraintPair] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    columns: dict[str, list[ColumnDifference]] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    options: list[TableDifference] = field(default_factory=list)
    kept: list[ConstraintPair] = field(default_factory=list)


def find_changes(connection: Connection, tables: Iterable[Table], found: FoundTables) -> list[TableChanges]:
    """Return the differences of the tables that exist on both sides."""
    comparison = Comparison(connection)
    version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    both = [table for table in tables if key_of(table) in found.tables]
    while True:
        changes = [_changes(table, found, comparison, version) for table in both]
        if not comparison.settle():
            break
    _drop_dependent_references(changes)
    return changes


def _changes(table: Table, found: FoundTables, comparison: Comparison, version: int) -> TableChanges:
    key = key_of(table)
    rows, indexes = found.constraints.get(key, {}), found.indexes.get(key, {})
    changes = TableChanges(table, options=list(table_differences(table, found.tables[key], comparison)))
    there = found.columns.get(key, {})
    for column in table.columns:
        row = there.get(column.name)
        differences = [] if row is None else list(column_differences(column, row, comparison))
        if differences:
            changes.columns[column.name] = differences
        if row is not None and any(one.aspect == "computed" for one in differences):
            has_checks = any(one["kind"] == "c" for one in rows.values())
            if version < SET_EXPRESSION or not _can_set_expression(column, row, has_checks=has_checks):
                changes.replaced.add(column.name)
    for pair in match_constraints(table, rows, indexes, comparison):
        is_kept = pair.is_same and not _uses(pair.row, changes.replaced)
        if pair.row is not None and not is_kept:
            changes.dropped.append(pair.row)
        if is_kept:
            changes.kept.append(pair)
        elif pair.declared is not None:
            changes.constraints.append(pair)
    _compare_indexes(changes, indexes, comparison)
    return changes


def _can_set_expression(column: Column[Any], row: Row, *, has_checks: bool) -> bool:
    """Return whether the server can change the expression (manual, ALTER TABLE) and stores the values as before."""
    if column.computed is None or not row["generated"]:
        return False
    stored = {True: "s", False: "v", None: row["generated"]}[column.computed.persisted]
    return stored == row["generated"] and (stored == "s" or not has_checks)


def _uses(row: Row | None, columns: Collection[str]) -> bool:
    return row is not None and not set(columns).isdisjoint(row["columns"])


def _compare_indexes(changes: TableChanges, rows: Mapping[str, Row], comparison: Comparison) -> None:
    free = {name: row for name, row in rows.items() if not row["is_constraint"]}
    for index in sorted(changes.table.indexes, key=index_name):
        row = free.pop(index_name(index), None)
        is_kept = row is not None and is_same_index(index, row, comparison)
        if row is not None and is_kept and changes.replaced.isdisjoint(row["uses"]):
            continue
        changes.indexes.append(index)
        if row is not None:
            changes.dropped_indexes.append(row)
    changes.dropped_indexes += free.values()


def _drop_dependent_references(changes: list[TableChanges]) -> None:
    """Drop and add each reference to a key that is dropped and added, because it depends on the key's index."""
    keys = {
        (f"{row['schema']}.{row['table']}", frozenset(row["columns"]))
        for one in changes
        for row in one.dropped
        if row["kind"] in {"p", "u"}
    }
    for one in changes:
        for pair in list(_references(one.kept)):
            assert pair.row is not None
            if (pair.row["target"], frozenset(pair.row["target_columns"])) in keys:
                one.kept.remove(pair)
                one.dropped.append(pair.row)
                one.constraints.append(pair)


def _references(pairs: Iterable[ConstraintPair]) -> Iterator[ConstraintPair]:
    yield from (pair for pair in pairs if pair.row is not None and pair.row["kind"] == "f")
