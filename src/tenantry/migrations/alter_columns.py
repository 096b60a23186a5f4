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
    Aspect,
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
    change = _ColumnChange(column, row, {one.aspect for one in differences})
    yield from change.end_numbering(drawn)
    if "type" in change.aspects:
        yield from change.convert(*_conversions(connection, column, row))
    yield from change.set_properties()
    yield from change.begin_generation()


class _ColumnChange:
    """One column on its way: `default` and `existing` are what it has after the operations so far."""

    def __init__(self, column: Column[Any], row: Row, aspects: set[Aspect]) -> None:
        assert isinstance(column.table, Table)
        self.column, self.row, self.aspects = column, row, aspects
        self.table = column.table
        self.key = key_of(column.table)
        self.default = None if row["generated"] else found_default(row)
        self.existing: dict[str, Any] = {
            "schema": column.table.schema,
            "existing_type": found_sqlalchemy_type(row),
            "existing_nullable": not row["is_not_null"],
        }
        self.about = f"column {'.'.join((*self.key, column.name))}"
        self.identities = found_identity(row), declared_identity(column)

    def end_numbering(self, drawn: DrawnSequence | None) -> Iterator[MigrateOperation]:
        """Drop the sequence, the default or the identity that the column does not have any more."""
        is_identity = self.identities[1] is not None
        is_owned = drawn is not None and drawn.is_owned and not is_serial(self.column)
        if drawn is not None and is_owned and ("default" in self.aspects or is_identity):
            yield DropSerialOp(Serial(self.key[1], self.column.name, drawn.name, self.row["type"], self.key[0]))
            self.default = None
            if self.column.server_default is None:
                self.aspects.discard("default")
        if self.default is not None and is_identity:
            yield self._drop_default()
        if "identity" in self.aspects and not is_identity:
            yield from self._change_identity()

    def convert(self, using: str, undo_using: str) -> Iterator[MigrateOperation]:
        """Change the type. PostgreSQL converts a default by assignment only, so that another one is made again."""
        if (using or undo_using) and self.default is not None:
            yield self._drop_default()
            if self.column.server_default is not None:
                self.aspects.add("default")
            else:
                self.aspects.discard("default")
        yield AlterTypeOp(
            self.table.name,
            self.column.name,
            **self.existing,
            modify_type=self.column.type,
            using=using,
            undo_using=undo_using,
        )
        self.existing["existing_type"] = self.column.type

    def set_properties(self) -> Iterator[MigrateOperation]:
        """Change NOT NULL, the default and the comment."""
        changed: dict[str, Any] = {}
        if "nullable" in self.aspects:
            changed["modify_nullable"] = self.column.nullable and self.identities[1] is None
        if "default" in self.aspects:
            changed["modify_server_default"] = self.column.server_default
            changed["existing_server_default"] = self.default
        if "comment" in self.aspects:
            changed |= {"modify_comment": self.column.comment, "existing_comment": self.row["comment"]}
        if changed:
            yield ops.AlterColumnOp(self.table.name, self.column.name, **self.existing, **changed)

    def begin_generation(self) -> Iterator[MigrateOperation]:
        """Make or change the identity, and change the expression of a generated column."""
        if "identity" in self.aspects and self.identities[1] is not None:
            yield from self._change_identity()
        if "computed" in self.aspects and self.column.computed is not None:
            expressions = as_sql(self.column.computed.sqltext), self.row["default"]
            forth, back = (f"{alter_column(self.column)} SET EXPRESSION AS ({sql})" for sql in expressions)
            yield SQLOp.pair(forth, back, self.about)

    def _drop_default(self) -> ops.AlterColumnOp:
        default, self.default = self.default, None
        return ops.AlterColumnOp(
            self.table.name,
            self.column.name,
            **self.existing,
            existing_server_default=default,
            modify_server_default=None,
        )

    def _change_identity(self) -> Iterator[MigrateOperation]:
        """Yield the statements; the reverse of the first undoes all of them."""
        old, new = self.identities
        back = list(identity_statements(self.key, self.column.name, new, old))
        first, *rest = identity_statements(self.key, self.column.name, old, new)
        undo = ops.ModifyTableOps(self.table.name, [SQLOp(statement, None) for statement in back])
        yield SQLOp(first, undo, self.about)
        yield from (SQLOp(statement, None, self.about) for statement in rest)


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
