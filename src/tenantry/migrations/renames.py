"""Renamed tables and columns in a new revision.

A comparison sees a renamed column as one that is dropped and one that is added. With a known rename, the rename is
carried out in a transaction, the comparison runs on its result, and the transaction is rolled back. So the revision has
the rename and what else differs after it. PostgreSQL itself changes policies, triggers, grants and references, and each
operation after the rename has its exact reverse before the reverse of the rename.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection, Constraint, Index, MetaData, Table

from tenantry import errors
from tenantry.migrations.description import sql_type, walk
from tenantry.migrations.operations import CreateFunctionOp, DropFunctionOp
from tenantry.migrations.rename_operations import RenameOp, StatementRenameOp, TableRenameOp, rename_statement
from tenantry.postgres.objects import DatabaseObject, Function
from tenantry.postgres.statements import load_statements
from tenantry.tenancy.partitions import declared_partitions
from tenantry.tenancy.sequences import serial_columns

__all__ = ["Rename", "arrange", "candidates", "carry_out", "parse_rename"]

_NAMED = load_statements("tenantry.migrations", "renames.sql")["named"]
DEFAULT_SCHEMA = "public"


@dataclass(frozen=True, slots=True)
class Rename:
    """A table, or with `table` a column, that has another name now. `table` is the table's present name."""

    old: str
    new: str
    table: str = ""
    schema: str = DEFAULT_SCHEMA

    def __str__(self) -> str:
        prefix = "" if self.schema == DEFAULT_SCHEMA else f"{self.schema}."
        if self.table:
            return f"column {prefix}{self.table}.{self.old}"
        return f"table {prefix}{self.old}"


def parse_rename(text: str) -> Rename:
    """Return the rename that `table.old:new` or `old:new` means.

    Raises:
        ConfigurationError: the text has another form.
    """
    old, colon, new = text.partition(":")
    table, _, column = old.rpartition(".")
    schema, _, table = table.rpartition(".")
    if not colon or not column or not new or "." in new:
        raise errors.ConfigurationError(
            f"The option --rename {text!r} is not a rename.",
            remedy="Write --rename books.title:name, or --rename books:volumes.",
        )
    return Rename(column, new, table, schema or DEFAULT_SCHEMA)


def candidates(operations: Iterable[MigrateOperation]) -> Iterator[Rename]:
    """Yield what may be renames: a dropped and an added column of one type, and tables with the same columns."""
    flat = list(walk(operations))
    for made in flat:
        for gone in flat:
            if isinstance(made, ops.AddColumnOp) and isinstance(gone, ops.DropColumnOp):
                here = (made.schema, made.table_name) == (gone.schema, gone.table_name)
                if here and sql_type(made.column.type) == sql_type(gone.to_column().type):
                    schema = made.schema or DEFAULT_SCHEMA
                    yield Rename(gone.column_name, made.column.name, made.table_name, schema)
            elif isinstance(made, ops.CreateTableOp) and isinstance(gone, ops.DropTableOp) and _is_like(made, gone):
                yield Rename(gone.table_name, made.table_name, "", made.schema or DEFAULT_SCHEMA)


def _is_like(made: ops.CreateTableOp, gone: ops.DropTableOp) -> bool:
    return made.schema == gone.schema and _columns(made.to_table()) == _columns(gone.to_table())


def _columns(table: Table) -> set[tuple[str, str]]:
    return {(column.name, sql_type(column.type)) for column in table.columns}


def carry_out(connection: Connection, renames: Sequence[Rename], metadata: MetaData) -> list[RenameOp]:
    """Rename in the connection's transaction, also what is named after the renamed; return the operations in order."""
    tables = [one for one in renames if not one.table]
    done: list[RenameOp] = [_table_rename(one.schema, one.old, one.new) for one in tables]
    for one in (one for one in renames if one.table):
        # The table may be given by the name that it had.
        table = next((other.new for other in tables if (other.schema, other.old) == (one.schema, one.table)), one.table)
        done.append(StatementRenameOp.within("COLUMN", one.schema, table, one.old, one.new))
    for operation in done:
        connection.exec_driver_sql(rename_statement(operation))
    for operation in _named_after(connection, renames, metadata):
        connection.exec_driver_sql(rename_statement(operation))
        done.append(operation)
    return done


def _table_rename(schema: str, old: str, new: str) -> TableRenameOp:
    return TableRenameOp(old, new, schema=None if schema == DEFAULT_SCHEMA else schema)


def _named_after(connection: Connection, renames: Sequence[Rename], metadata: MetaData) -> list[RenameOp]:
    """Return the operations for constraints, indexes, sequences and partitions that the models name otherwise now."""
    wanted = _declared_names(connection, metadata)
    found = [(row.kind, row.schema, row.table, row.name) for row in connection.exec_driver_sql(_NAMED)]
    present = {(schema, name) for _, schema, _, name in found}
    operations: list[RenameOp] = []
    for kind, schema, table, old in found:
        if (schema, table, old) in wanted:
            continue
        for new in (new for one in renames for new in _replaced(old, one.old, one.new)):
            if (schema, table, new) in wanted and (schema, new) not in present:
                if kind == "CONSTRAINT":
                    operations.append(StatementRenameOp.within("CONSTRAINT", schema, table, old, new))
                elif kind == "TABLE":
                    operations.append(_table_rename(schema, old, new))
                else:
                    operations.append(StatementRenameOp.of(kind, schema, old, new))
                break
    return operations


def _declared_names(connection: Connection, metadata: MetaData) -> set[tuple[str, str, str]]:
    """Return schema, table and name of what the models name: constraints, indexes, sequences and partitions."""
    preparer = connection.dialect.identifier_preparer
    names: set[tuple[str, str, str]] = set()
    for table in metadata.tables.values():
        parts: list[Constraint | Index] = [*table.constraints, *table.indexes]
        for part in parts:
            name = preparer.format_index(part) if isinstance(part, Index) else preparer.format_constraint(part)
            if name:
                names.add((table.schema or DEFAULT_SCHEMA, table.name, str(name).strip('"')))
    for (schema, name, _), serial in serial_columns(metadata).items():
        names.add((schema, name, serial.sequence))
    for partitions in declared_partitions(metadata):
        names |= {(partitions.schema, partitions.table, name) for name in partitions.partitions}
    return names


def _replaced(name: str, old: str, new: str) -> Iterator[str]:
    """Yield the name with `new` for every `old`, then with `new` for one `old` at a time."""
    yield name.replace(old, new)
    start = name.find(old)
    while start >= 0:
        yield name[:start] + new + name[start + len(old) :]
        start = name.find(old, start + 1)


def arrange(renames: Sequence[RenameOp], operations: Sequence[MigrateOperation]) -> list[MigrateOperation]:
    """Return all operations in an order that works in both directions.

    The server checks the body of an SQL function when it creates the function, and does not change the body at a
    rename. So a function with the old names is dropped before the renames, and the reverse creates it after them.
    """
    if not renames:
        return list(operations)
    first: list[MigrateOperation] = []
    rest: list[MigrateOperation] = []
    for operation in operations:
        if isinstance(operation, DropFunctionOp) and _is_checked(operation.item):
            first.append(operation)
        elif isinstance(operation, CreateFunctionOp) and _is_checked(operation.previous):
            assert operation.previous is not None
            first.append(DropFunctionOp(operation.previous))
            rest.append(CreateFunctionOp(operation.item))
        else:
            rest.append(operation)
    return [*first, *renames, *rest]


def _is_checked(function: DatabaseObject | None) -> bool:
    return isinstance(function, Function) and function.language == "sql"
