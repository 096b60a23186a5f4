"""What the operations of a revision do, in plain words, and which of them destroy data or can fail on rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, Integer, Numeric, String
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from tenantry.migrations.operations import (
    AlterEnumOp,
    DropHashPartitionsOp,
    DropSequenceOp,
    DropSerialOp,
    ObjectOp,
)
from tenantry.migrations.rename_operations import StatementRenameOp, TableRenameOp
from tenantry.postgres.objects import Grant
from tenantry.postgres.tables.compiling import resolve

__all__ = ["Change", "Hazard", "describe", "is_without_value", "sql_type", "table_name", "walk"]

Hazard = Literal["destroys data", "fails on rows"]
_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_INTEGERS = ("SMALLINT", "INTEGER", "BIGINT", "NUMERIC")

DUPLICATES = "It fails if two rows have the same values: merge such rows first."


@dataclass(frozen=True, slots=True)
class Change:
    """One operation of a revision; `advice` says what to do about its hazard."""

    text: str
    hazard: Hazard | None = None
    advice: str | None = None


def walk(operations: Iterable[MigrateOperation]) -> Iterator[MigrateOperation]:
    """Yield the operations, also those that Alembic groups by table."""
    for operation in operations:
        if isinstance(operation, ops.OpContainer):
            yield from walk(operation.ops)
        else:
            yield operation


def describe(operations: Iterable[MigrateOperation]) -> list[Change]:
    """Describe operations, one line each. A new table has no rows, so that nothing fails on them."""
    flat = list(walk(operations))
    created = {(one.schema, one.table_name) for one in flat if isinstance(one, ops.CreateTableOp)}
    found: list[Change] = []
    for operation in flat:
        is_new = (getattr(operation, "schema", None), getattr(operation, "table_name", None)) in created
        for change in _describe(operation):
            is_safe = is_new and change.hazard == "fails on rows"
            found.append(Change(change.text) if is_safe else change)
    return found


def is_without_value(column: Column[Any]) -> bool:
    """Return True if rows that exist would have no value for the new column, and need one."""
    return not column.nullable and column.server_default is None and column.computed is None and column.identity is None


def sql_type(type_: TypeEngine[Any]) -> str:
    """Return a type as SQL."""
    return resolve(type_).compile(dialect=_DIALECT)


def table_name(operation: Any) -> str:
    """Return the table of an operation as a user would write it."""
    name = getattr(operation, "table_name", None) or operation.source_table
    schema = getattr(operation, "schema", None) or getattr(operation, "source_schema", None)
    return f"{schema}.{name}" if schema else str(name)


def _describe(operation: MigrateOperation) -> Iterator[Change]:
    match operation:
        case ops.CreateTableOp():
            count = sum(isinstance(one, Column) for one in operation.columns)
            yield Change(f"create table {table_name(operation)} ({count} column{'' if count == 1 else 's'})")
        case ops.DropTableOp():
            yield Change(f"drop table {table_name(operation)}", "destroys data", "Its rows cannot be restored.")
        case ops.AddColumnOp():
            yield _added(operation)
        case ops.DropColumnOp():
            text = f"drop column {table_name(operation)}.{operation.column_name}"
            yield Change(text, "destroys data", "Its values cannot be restored.")
        case ops.AlterColumnOp():
            yield from _altered(operation)
        case _:
            yield _describe_other(operation)


def _describe_other(operation: MigrateOperation) -> Change:
    text = ""
    match operation:
        case ops.CreateIndexOp():
            unique = "unique " if operation.unique else ""
            text = f"create {unique}index {operation.index_name} on {table_name(operation)}"
            return Change(text, "fails on rows", DUPLICATES) if unique else Change(text)
        case ops.AddConstraintOp():
            return _constrained(operation)
        case ObjectOp():
            return _object(operation)
        case ops.DropIndexOp(index_name=name) | ops.DropConstraintOp(constraint_name=name):
            kind = "index" if isinstance(operation, ops.DropIndexOp) else "constraint"
            text = f"drop {kind} {name} of {table_name(operation)}"
        case TableRenameOp(label=label) | StatementRenameOp(label=label):
            text = label
        case ops.ExecuteSQLOp(sqltext=statement):
            text = f"run {statement}"
        case _:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(operation).__name__.removesuffix("Op")).lower()
            text = f"{words} {table_name(operation) if hasattr(operation, 'table_name') else ''}".strip()
    return Change(text)


def _added(operation: ops.AddColumnOp) -> Change:
    column = operation.column
    place = f"{table_name(operation)}.{column.name}"
    text = f"add column {place} {sql_type(column.type)}{'' if column.nullable else ', not null'}"
    if not is_without_value(column):
        return Change(text)
    advice = (
        f"It fails if the table has rows, because the column has no default. Write the revision again with "
        f'--default "{place}=SQL", or give the model a server_default.'
    )
    return Change(text, "fails on rows", advice)


def _altered(operation: ops.AlterColumnOp) -> Iterator[Change]:
    place = f"{table_name(operation)}.{operation.column_name}"
    if operation.modify_type is not None:
        old, new = operation.existing_type, operation.modify_type
        text = f"change the type of {place}" + (f" from {sql_type(old)}" if old is not None else "")
        change = Change(f"{text} to {sql_type(new)}")
        if old is None or not _is_wider(old, new):
            advice = "It fails on values that the new type cannot hold: check them first, or set postgresql_using."
            change = Change(change.text, "fails on rows", advice)
        yield change
    if operation.modify_nullable is False:
        advice = f'It fails if a row has no value. Fill the rows first, or pass --default "{place}=SQL".'
        yield Change(f"make {place} not null", "fails on rows", advice)
    elif operation.modify_nullable:
        yield Change(f"make {place} nullable")
    if operation.modify_server_default is not False:
        verb = "drop" if operation.modify_server_default is None else "set"
        yield Change(f"{verb} the default of {place}")
    if operation.modify_comment is not False:
        yield Change(f"change the comment of {place}")
    if operation.modify_name is not None:
        yield Change(f"rename column {place} to {operation.modify_name}")


def _is_wider(old: TypeEngine[Any], new: TypeEngine[Any]) -> bool:
    """Return True if every value of the old type is certainly a value of the new type."""
    before, after = resolve(old), resolve(new)
    if isinstance(before, String) and isinstance(after, String):
        return after.length is None or (before.length is not None and before.length <= after.length)
    if isinstance(before, Integer) and isinstance(after, Integer | Numeric):
        order = [sql_type(one).partition("(")[0] for one in (before, after)]
        is_bounded = isinstance(after, Numeric) and after.precision is not None
        return all(one in _INTEGERS for one in order) and not is_bounded and _rank(order[0]) <= _rank(order[1])
    return sql_type(before) == sql_type(after)


def _rank(name: str) -> int:
    return _INTEGERS.index(name)


def _constrained(operation: ops.AddConstraintOp) -> Change:
    name, table = getattr(operation, "constraint_name", None), table_name(operation)
    kind, advice = "constraint", "It fails on rows that violate it: correct them first."
    match operation:
        case ops.CreateUniqueConstraintOp() | ops.CreatePrimaryKeyOp():
            kind = "unique constraint" if isinstance(operation, ops.CreateUniqueConstraintOp) else "primary key"
            advice = DUPLICATES
        case ops.CreateForeignKeyOp():
            kind = f"reference to {operation.referent_table},"
            advice = "It fails on rows that refer to a missing row: correct them first."
        case ops.CreateCheckConstraintOp():
            kind = "check"
    return Change(f"add {kind} {name or ''} on {table}".replace("  ", " "), "fails on rows", advice)


def _object(operation: ObjectOp) -> Change:
    item, words = operation.item, operation.verb.replace("_", " ")
    if isinstance(item, Grant):
        column = f" ({item.column})" if item.column else ""
        preposition = "from" if words == "revoke" else "to"
        return Change(f"{words} {', '.join(item.privileges)}{column} on {item.name} {preposition} {item.role}")
    names: Sequence[str] = [str(getattr(item, field)) for field in ("name", "column") if hasattr(item, field)]
    table = getattr(item, "table", None)
    text = " ".join((words, *names, *(("on", table) if table else ())))
    if isinstance(operation, AlterEnumOp) and not operation.item.has_all_of(operation.previous):
        return Change(text, "fails on rows", "It fails on rows that have a value that goes: change them first.")
    if isinstance(operation, DropHashPartitionsOp | DropSequenceOp | DropSerialOp):
        return Change(text, "destroys data", "Its rows or its last value cannot be restored.")
    return Change(text)
