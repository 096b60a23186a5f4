"""Values for rows that exist, where a revision makes a column NOT NULL.

A new column gets the value as its default in ADD COLUMN, which PostgreSQL stores once and not for each row. The default
is dropped again at once, because the model does not have it. In an existing column, an UPDATE fills the rows without a
value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection, DefaultClause, text
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.migrations.description import is_without_value, sql_type, table_name
from tenantry.migrations.failure import server_sentence
from tenantry.sql import identifier, qualified

__all__ = ["FillOp", "add_values", "columns_without_value", "parse_default"]


class FillOp(ops.ExecuteSQLOp):
    """An UPDATE that fills a column; its reverse does nothing, and is left out of a script."""

    def reverse(self) -> FillOp:
        """Return an operation without a statement."""
        return FillOp("")


def parse_default(option: str) -> tuple[str, str]:
    """Return column and expression of `books.isbn=SQL`.

    Raises:
        ConfigurationError: the text has another form.
    """
    column, sign, expression = option.partition("=")
    if not sign or "." not in column or not expression.strip():
        raise errors.ConfigurationError(
            f"The option --default {option!r} is not a default.",
            remedy="Write --default \"books.isbn='unknown'\": column=SQL.",
        )
    return column.strip(), expression.strip()


def columns_without_value(operations: Iterable[MigrateOperation]) -> Iterator[tuple[str, str]]:
    """Yield name and type of each column of an existing table that becomes NOT NULL without a default."""
    for container in operations:
        for operation in container.ops if isinstance(container, ops.ModifyTableOps) else ():
            found = _column_of(operation)
            if found is not None:
                yield found


def add_values(connection: Connection, operations: Iterable[MigrateOperation], given: Mapping[str, str]) -> None:
    """Insert into the operations on existing tables what fills the columns that become NOT NULL.

    Raises:
        ConfigurationError: a given default is for no such column, or is no expression of the column's type.
    """
    used: set[str] = set()
    for container in operations:
        if isinstance(container, ops.ModifyTableOps):
            filled: list[MigrateOperation] = []
            for operation in container.ops:
                place, type_ = _column_of(operation) or ("", "")
                if place in given:
                    used.add(place)
                    _check(connection, place, type_, given[place])
                    filled.extend(_filled(operation, given[place]))
                else:
                    filled.append(operation)
            container.ops[:] = filled
    for column in given:
        if column not in used:
            raise errors.ConfigurationError(
                f"The revision makes no column {column!r} NOT NULL without a default.",
                remedy="Correct or remove --default; the summary of the revision names the columns that need one.",
            )


def _column_of(operation: MigrateOperation) -> tuple[str, str] | None:
    """Return name and type of the column that the operation makes NOT NULL without a default."""
    if isinstance(operation, ops.AddColumnOp) and is_without_value(operation.column):
        return f"{table_name(operation)}.{operation.column.name}", sql_type(operation.column.type)
    if isinstance(operation, ops.AlterColumnOp) and operation.modify_nullable is False:
        type_: Any = operation.modify_type or operation.existing_type
        return f"{table_name(operation)}.{operation.column_name}", sql_type(type_)
    return None


def _filled(operation: MigrateOperation, value: str) -> list[MigrateOperation]:
    if isinstance(operation, ops.AddColumnOp):
        # A copy, because the operation has the model's own column.
        column = operation.column._copy()  # noqa: SLF001  # Alembic uses it too
        column.server_default = DefaultClause(text(value))
        drop = ops.AlterColumnOp(
            *(operation.table_name, column.name),
            schema=operation.schema,
            existing_type=column.type,
            existing_nullable=False,
            existing_server_default=column.server_default,
            modify_server_default=None,
        )
        return [ops.AddColumnOp(operation.table_name, column, schema=operation.schema), drop]
    assert isinstance(operation, ops.AlterColumnOp)
    filled = qualified(operation.schema or "public", operation.table_name)
    name = identifier(operation.column_name)
    return [FillOp(f"UPDATE {filled} SET {name} = {value} WHERE {name} IS NULL"), operation]  # noqa: S608


def _check(connection: Connection, place: str, type_: str, value: str) -> None:
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SELECT CAST(({value}) AS {type_})")
    except DBAPIError as error:
        raise errors.ConfigurationError(
            f"The default of {place} is not an expression of type {type_}.",
            why=server_sentence(error),
            remedy="Write it as in SQL, a text in single quotes: --default \"books.isbn='unknown'\".",
        ) from error
