"""The operations that change an existing column to its declaration, each with its exact reverse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Column, Connection, Table

from tenantry.migrations.operations.found import AlterTypeOp, SQLOp
from tenantry.migrations.operations.sequences import DropSerialOp
from tenantry.postgres.catalog import DrawnSequence
from tenantry.postgres.objects import Serial
from tenantry.postgres.statements import load_statements
from tenantry.postgres.tables.columns import (
    ColumnDifference,
    Row,
    alter_column,
    declared_identity,
    found_identity,
    identity_statements,
)
from tenantry.postgres.tables.compiling import as_sql, column_type, is_serial, key_of
from tenantry.postgres.tables.found import found_default, found_sqlalchemy_type
from tenantry.sql import identifier

__all__ = ["column_operations"]

_STATEMENTS = load_statements("tenantry.migrations", "alter_columns.sql")


def column_operations(
    connection: Connection,
    column: Column[Any],
    row: Row,
    differences: Sequence[ColumnDifference],
    drawn: DrawnSequence | None,
) -> Iterator[MigrateOperation]:
    """Yield the operations in their order: what depends on the type goes first and comes back last.

    Args:
        connection: to ask the server which types it converts.
        column: the declared column.
        row: the column in the catalog.
        differences: what differs.
        drawn: the sequence that the column's default calls nextval() on.
    """
    table = column.table
    assert isinstance(table, Table)
    key = key_of(table)
    found: dict[str, Any] = {
        "schema": table.schema,
        "existing_type": found_sqlalchemy_type(row),
        "existing_nullable": not row["is_not_null"],
    }
    aspects = {one.aspect: one for one in differences}
    default: Any = None if row["generated"] else found_default(row)
    is_owned = drawn is not None and drawn.is_owned and not is_serial(column)
    if drawn is not None and is_owned and ("default" in aspects or column.identity is not None):
        yield DropSerialOp(Serial(key[1], column.name, drawn.name, row["type"], key[0]))
        default = None
        if column.server_default is None or column.identity is not None:
            aspects.pop("default", None)
    identities = found_identity(row), declared_identity(column)
    if default is not None and identities[1] is not None:
        yield _drop_default(column, found, default)
        default = None
    if "identity" in aspects and identities[1] is None:
        yield from _identity(column, *identities)
    if "type" in aspects:
        using, undo_using = _conversions(connection, column, row)
        is_apart = bool(using or undo_using) and default is not None
        if is_apart:
            yield _drop_default(column, found, default)
            default = None
        yield AlterTypeOp(table.name, column.name, **found, modify_type=column.type, using=using, undo_using=undo_using)
        found["existing_type"] = column.type
        if is_apart and column.server_default is not None:
            aspects["default"] = ColumnDifference("default", "", "")
        elif is_apart:
            aspects.pop("default", None)
    changed: dict[str, Any] = {}
    if "nullable" in aspects:
        changed["modify_nullable"] = column.nullable and column.identity is None
    if "default" in aspects:
        changed |= {"modify_server_default": column.server_default, "existing_server_default": default}
    if "comment" in aspects:
        changed |= {"modify_comment": column.comment, "existing_comment": row["comment"]}
    if changed:
        yield ops.AlterColumnOp(table.name, column.name, **found, **changed)
    if "identity" in aspects and identities[1] is not None:
        yield from _identity(column, *identities)
    if "computed" in aspects and column.computed is not None:
        statements = (f"{alter_column(column)} SET EXPRESSION AS ({sql})" for sql in _expressions(column, row))
        yield SQLOp.pair(*statements)


def _drop_default(column: Column[Any], found: dict[str, Any], default: Any) -> ops.AlterColumnOp:
    assert isinstance(column.table, Table)
    return ops.AlterColumnOp(
        column.table.name, column.name, **found, existing_server_default=default, modify_server_default=None
    )


def _expressions(column: Column[Any], row: Row) -> tuple[str, str]:
    assert column.computed is not None
    return as_sql(column.computed.sqltext), row["default"]


def _identity(column: Column[Any], old: Any, new: Any) -> Iterator[MigrateOperation]:
    """Yield the statements; the reverse of the first undoes all of them."""
    assert isinstance(column.table, Table)
    key = key_of(column.table)
    forth = list(identity_statements(key, column.name, old, new))
    back = list(identity_statements(key, column.name, new, old))
    undo = ops.ModifyTableOps(key[1], [SQLOp(statement, None) for statement in back])
    first, *rest = forth
    yield SQLOp(first, undo)
    yield from (SQLOp(statement, None) for statement in rest)


def _conversions(connection: Connection, column: Column[Any], row: Row) -> tuple[str, str]:
    """Return the USING clauses for both directions, '' where PostgreSQL converts the values unasked."""
    name = identifier(column.name)
    wanted, there = column_type(column.type).sql, row["type"]
    return _using(connection, name, there, wanted), _using(connection, name, wanted, there)


def _using(connection: Connection, name: str, source: str, target: str) -> str:
    kind = connection.exec_driver_sql(_STATEMENTS["conversion"], (source, target)).scalar_one()
    return {"assignment": "", "explicit": f"{name}::{target}"}.get(kind, f"{name}::{_text(source)}::{target}")


def _text(source: str) -> str:
    return "text[]" if source.endswith("]") else "text"
