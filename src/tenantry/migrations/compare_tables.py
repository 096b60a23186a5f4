"""The operations for tables: Alembic finds added and dropped tables and columns, everything else is found here.

The invariant: what is written is judged by the rules of the audit, and its reverse restores what PostgreSQL printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, ops
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import Constraint, conv, sort_tables_and_constraints

from tenantry import errors
from tenantry.migrations.alter_columns import column_operations
from tenantry.migrations.operations.found import DropFoundConstraintOp, DropFoundIndexOp, DropFoundTableOp, SQLOp
from tenantry.migrations.operations.sequences import CreateSerialOp
from tenantry.migrations.table_changes import TableChanges, find_changes
from tenantry.postgres.catalog import DrawnSequence
from tenantry.postgres.objects import Serial
from tenantry.postgres.sequences import server_name
from tenantry.postgres.tables.columns import Row
from tenantry.postgres.tables.compiling import Key, as_sql, constraint_name, ddl_compiler, is_created, key_of
from tenantry.postgres.tables.constraints import kind_of
from tenantry.postgres.tables.found import (
    FoundTables,
    add_found_constraint,
    found_column,
    found_table,
    revision_text,
    with_in,
)
from tenantry.sql import identifier, qualified

__all__ = ["compare_tables"]

_LABELS = {"p": "pkey", "u": "key", "c": "check", "f": "fkey", "x": "excl"}


def compare_tables(
    context: AutogenContext,
    upgrade: ops.UpgradeOps,
    found: FoundTables,
    draws: dict[tuple[str, str, str], DrawnSequence],
    metadata: MetaData,
) -> None:
    """Replace Alembic's operations on tables and columns by the full list."""
    connection = context.connection
    assert connection is not None
    created = [op for op in upgrade.ops if isinstance(op, ops.CreateTableOp)]
    modified = {_key(op.schema, op.table_name): op for op in upgrade.ops if isinstance(op, ops.ModifyTableOps)}
    dropped = [op for op in upgrade.ops if isinstance(op, ops.DropTableOp)]
    compared = [
        table for table in metadata.sorted_tables if context.run_object_filters(table, table.name, "table", False, None)
    ]
    changes = find_changes(connection, compared, found)
    _refuse_partitioning(changes)
    tables = {key_of(table): table for table in metadata.sorted_tables}
    creation, later = _creations([tables[_key(op.schema, op.table_name)] for op in created])
    upgrade.ops[:] = [
        *_drops(changes, references=True),
        *_drops(changes, references=False),
        *creation,
        *(op for one in changes for op in _modifications(connection, one, modified, found, draws)),
        *_table_drops(dropped, found, draws),
        *(op for one in changes for op in _additions(one, found, references=False)),
        *(op for one in changes for op in _additions(one, found, references=True)),
        *later,
    ]


def _key(schema: str | None, name: str) -> Key:
    return schema or "public", name


def _refuse_partitioning(changes: list[TableChanges]) -> None:
    for one in changes:
        for difference in one.options:
            if difference.change is None:
                raise errors.MigrationError(
                    f"The {difference.aspect} of table {one.table.fullname} is {difference.found or 'missing'}, and is "
                    f"declared {difference.declared or 'as missing'}.",
                    why="PostgreSQL cannot change how a table is partitioned.",
                    remedy="In a migration, copy the rows into a table with the declared partitions, and rename it.",
                )


def _creations(tables: list[Table]) -> tuple[list[MigrateOperation], list[MigrateOperation]]:
    """Return the operations that create tables, and those that add what needs more than one table."""
    first: list[MigrateOperation] = []
    later: list[MigrateOperation] = []
    alone: set[Constraint] = set()
    ordered: list[Table] = []
    for table, constraints in sort_tables_and_constraints(tables):  # type: ignore[no-untyped-call]
        if table is None:
            alone.update(constraints)
        else:
            ordered.append(table)
    for table in ordered:
        operation = ops.CreateTableOp.from_table(table)
        # Alembic leaves out the operator classes of an exclusion constraint, and all of a reference with use_alter.
        apart = [item for item in table.constraints if isinstance(item, ExcludeConstraint) or item in alone]
        apart += _repeated_keys(table)
        left_out = {id(item) for item in apart}
        operation.columns = [item for item in operation.columns if id(item) not in left_out and not _is_left_out(item)]
        first.append(operation)
        first += (_create_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name)))
        for item in sorted(apart, key=constraint_name):
            name = constraint_name(item) or _name_of(item, table, set())
            (later if item in alone else first).append(_add_constraint(item, table, name))
    return first, later


def _repeated_keys(table: Table) -> Iterator[UniqueConstraint]:
    """Yield the keys over the same columns as an earlier one: CREATE TABLE leaves them out, ALTER TABLE does not."""
    seen = {tuple(column.name for column in table.primary_key.columns)}
    for item in sorted((one for one in table.constraints if isinstance(one, UniqueConstraint)), key=constraint_name):
        columns = tuple(column.name for column in item.columns)
        if columns in seen:
            yield item
        seen.add(columns)


def _is_left_out(item: object) -> bool:
    return isinstance(item, Constraint) and not is_created(item)


def _drops(changes: list[TableChanges], *, references: bool) -> Iterator[MigrateOperation]:
    for one in changes:
        table = one.table
        for row in one.dropped:
            if (row["kind"] == "f") == references:
                yield _drop_constraint(row, table.schema)
        for row in () if references else one.dropped_indexes:
            yield DropFoundIndexOp(row["name"], table.name, table.schema, with_in(row["definition"]))


def _drop_constraint(row: Row, schema: str | None) -> DropFoundConstraintOp:
    return DropFoundConstraintOp(row["name"], row["table"], row["kind"], schema, add_found_constraint(row))


def _modifications(
    connection: Connection,
    changes: TableChanges,
    modified: dict[Key, ops.ModifyTableOps],
    found: FoundTables,
    draws: dict[tuple[str, str, str], DrawnSequence],
) -> Iterator[ops.ModifyTableOps]:
    """Yield the changes of a table's columns: added ones, altered ones, dropped ones."""
    table = changes.table
    key = key_of(table)
    rows = found.columns.get(key, {})
    given = modified[key].ops if key in modified else []
    operations: list[MigrateOperation] = [op for op in given if isinstance(op, ops.AddColumnOp)]
    for name, differences in changes.columns.items():
        column = table.columns[name] if name in table.columns else next(c for c in table.columns if c.name == name)
        if name in changes.replaced:
            operations.append(
                ops.DropColumnOp.from_column_and_tablename(table.schema, table.name, _bound(rows[name], key))
            )
            operations.append(ops.AddColumnOp.from_column_and_tablename(table.schema, table.name, column))
        else:
            operations += column_operations(connection, column, rows[name], differences, draws.get((*key, name)))
    for op in given:
        if isinstance(op, ops.DropColumnOp):
            column = _bound(rows[op.column_name], key)
            drawn = draws.get((*key, column.name))
            if drawn is not None and drawn.is_owned:
                # Another operation drops the sequence, and makes it again with the default.
                column.server_default = None
            operations.append(ops.DropColumnOp.from_column_and_tablename(table.schema, table.name, column))
    about = f"table {'.'.join(key)}"
    operations += (SQLOp.pair(one.change, one.undo, about) for one in changes.options if one.change and one.undo)
    if operations:
        yield ops.ModifyTableOps(table.name, operations, schema=table.schema)


def _bound(row: Row, key: Key) -> Column[Any]:
    """Return the found column in a table, for an operation that drops it."""
    column = found_column(row)
    Table(key[1], MetaData(), column, schema=None if key[0] == "public" else key[0])
    return column


def _table_drops(
    dropped: list[ops.DropTableOp], found: FoundTables, draws: dict[tuple[str, str, str], DrawnSequence]
) -> Iterator[MigrateOperation]:
    """Yield the drops of tables, each before the tables that it refers to."""
    keys = {_key(op.schema, op.table_name) for op in dropped}
    targets = {
        key: {row["target"] for row in found.constraints.get(key, {}).values() if row["kind"] == "f"} for key in keys
    }
    left = sorted(keys)
    apart: list[MigrateOperation] = []
    drops: list[MigrateOperation] = []
    while left:
        free = [key for key in left if not any(".".join(key) in targets[other] for other in left if other != key)]
        if not free:
            # References in a circle: one table loses its own first.
            free = left[:1]
            for other in left[1:]:
                rows = [r for r in found.constraints.get(other, {}).values() if r["target"] == ".".join(free[0])]
                apart += (_drop_constraint(row, None if other[0] == "public" else other[0]) for row in rows)
        for key in free:
            left.remove(key)
            drops.append(_drop_table(key, found, draws, apart))
    yield from [*apart, *drops]


def _drop_table(
    key: Key, found: FoundTables, draws: dict[tuple[str, str, str], DrawnSequence], apart: list[MigrateOperation]
) -> DropFoundTableOp:
    table = found_table(key, found)
    parts: list[MigrateOperation] = []
    for column in table.columns:
        drawn = draws.get((*key, column.name))
        if drawn is not None and drawn.is_owned:
            column.server_default = None
            parts.append(
                CreateSerialOp(Serial(key[1], column.name, drawn.name, found.columns[key][column.name]["type"], key[0]))
            )
    gone = {op.constraint_name for op in apart if isinstance(op, DropFoundConstraintOp) and op.table_name == key[1]}
    constraints = sorted(
        found.constraints.get(key, {}).values(), key=lambda row: ("puxcf".index(row["kind"]), row["name"])
    )
    parts += (SQLOp(add_found_constraint(row), None) for row in constraints if row["name"] not in gone)
    parts += (
        SQLOp(with_in(row["definition"]), None)
        for _, row in sorted(found.indexes.get(key, {}).items())
        if not row["is_constraint"]
    )
    operation = DropFoundTableOp.from_table(table)
    assert isinstance(operation, DropFoundTableOp)
    operation.parts = tuple(parts)
    return operation


def _additions(changes: TableChanges, found: FoundTables, *, references: bool) -> Iterator[MigrateOperation]:
    table = changes.table
    if not references:
        yield from map(_create_index, changes.indexes)
    taken = set(found.constraints.get(key_of(table), {}))
    added = {column.name for column in table.columns} - set(found.columns.get(key_of(table), {}))
    for pair in changes.constraints:
        item = pair.declared
        assert item is not None
        columns: Iterable[Column[Any]] = getattr(item, "columns", ())
        is_made_with_column = getattr(item, "_type_bound", False) and any(column.name in added for column in columns)
        if (kind_of(item) == "f") == references and not is_made_with_column:
            name = constraint_name(item) or pair.name or _name_of(item, table, taken)
            taken.add(name)
            yield _add_constraint(item, table, name)


def _name_of(item: Constraint, table: Table, taken: set[str]) -> str:
    """Return the name that the server gives to a constraint without a name."""
    kind = kind_of(item)
    columns = [] if kind == "p" else [column.name for column in getattr(item, "columns", ())]
    if kind == "c" and len(columns) != 1:
        columns = []
    return server_name(table.name, "_".join(columns), _LABELS[kind], taken)


def _create_index(index: Index) -> ops.CreateIndexOp:
    operation = ops.CreateIndexOp.from_index(index)
    where = index.dialect_options["postgresql"]["where"]
    if where is not None:
        # As a text, because Alembic takes a string for a Python value.
        operation.kw["postgresql_where"] = revision_text(as_sql(where))
    return operation


def _add_constraint(item: Constraint, table: Table, name: str) -> MigrateOperation:
    options = dict(item.dialect_kwargs)
    # The naming convention has been applied, so that Alembic must not apply it again.
    name = conv(name)
    if isinstance(item, CheckConstraint):
        condition = revision_text(as_sql(item.sqltext))
        return ops.CreateCheckConstraintOp(name, table.name, condition, schema=table.schema, **options)
    timing = {"deferrable": item.deferrable, "initially": item.initially}
    options |= {key: value for key, value in timing.items() if value is not None}
    # Alembic cannot add a key that includes other columns.
    if isinstance(item, UniqueConstraint) and not options.get("postgresql_include"):
        columns = [column.name for column in item.columns]
        return ops.CreateUniqueConstraintOp(name, table.name, columns, schema=table.schema, **options)
    if isinstance(item, ForeignKeyConstraint):
        actions = {"ondelete": item.ondelete, "onupdate": item.onupdate, "match": item.match}
        options |= {key: value for key, value in actions.items() if value is not None}
        return ops.CreateForeignKeyOp(
            name,
            table.name,
            item.referred_table.name,
            [element.parent.name for element in item.elements],
            [element.column.name for element in item.elements],
            source_schema=table.schema,
            referent_schema=item.referred_table.schema,
            **options,
        )
    body = re.sub(r'^CONSTRAINT (?:"(?:[^"]|"")+"|\S+) ', "", ddl_compiler().process(item).strip())
    added = f"ALTER TABLE {qualified(*key_of(table))} ADD CONSTRAINT {identifier(name)} {body}"
    about = f"constraint {'.'.join((*key_of(table), name))}"
    return SQLOp(added, ops.DropConstraintOp(name, table.name, schema=table.schema), about)
