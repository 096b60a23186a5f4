"""Values for rows that exist, where a revision makes a column NOT NULL.

A new column gets the value as its default in ADD COLUMN, which PostgreSQL stores once and not for each row. The default
is dropped again at once, because the model does not have it. In an existing column, an UPDATE fills the rows without a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import Connection, DefaultClause, text
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.migrations.description import is_without_value, sql_type, table_name
from tenantry.migrations.failure import server_sentence
from tenantry.sql import identifier, qualified

__all__ = ["FillOp", "add_values", "parse_default"]

# Returns the SQL expression for a column (`books.isbn`) of a type, or None.
FindValue = Callable[[str, str], str | None]


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
            f"The option --default {option!r} is not a default.", remedy="Write --default \"books.isbn='unknown'\": column=SQL."
        )
    return column.strip(), expression.strip()


def add_values(
    connection: Connection, operations: Iterable[MigrateOperation], find: FindValue, given: Mapping[str, str]
) -> None:
    """Insert into the operations on existing tables what fills the columns that become NOT NULL.

    Raises:
        ConfigurationError: a given default is for no such column, or is no expression of the column's type.
    """
    used: set[str] = set()
    for container in operations:
        if isinstance(container, ops.ModifyTableOps):
            filled: list[MigrateOperation] = []
            for operation in container.ops:
                filled.extend(_filled(connection, operation, find, used))
            container.ops[:] = filled
    for column in given:
        if column not in used:
            raise errors.ConfigurationError(
                f"The revision makes no column {column!r} NOT NULL without a default.",
                remedy="Correct or remove --default; the summary of the revision names the columns that need one.",
            )


def _filled(
    connection: Connection, operation: MigrateOperation, find: FindValue, used: set[str]
) -> list[MigrateOperation]:
    if isinstance(operation, ops.AddColumnOp) and is_without_value(operation.column):
        column, place = operation.column, f"{table_name(operation)}.{operation.column.name}"
        value = _value(connection, place, sql_type(column.type), find, used)
        if value is None:
            return [operation]
        # A copy, because the operation has the model's own column.
        copied = column._copy()  # noqa: SLF001  # Alembic uses it too
        copied.server_default = DefaultClause(text(value))
        schema, table = operation.schema, operation.table_name
        drop = ops.AlterColumnOp(
            *(table, column.name),
            schema=schema,
            existing_type=column.type,
            existing_nullable=False,
            existing_server_default=copied.server_default,
            modify_server_default=None,
        )
        return [ops.AddColumnOp(table, copied, schema=schema), drop]
    if isinstance(operation, ops.AlterColumnOp) and operation.modify_nullable is False:
        place = f"{table_name(operation)}.{operation.column_name}"
        type_: Any = operation.modify_type or operation.existing_type
        value = _value(connection, place, sql_type(type_), find, used) if type_ is not None else None
        if value is not None:
            filled = qualified(operation.schema or "public", operation.table_name)
            name = identifier(operation.column_name)
            return [FillOp(f"UPDATE {filled} SET {name} = {value} WHERE {name} IS NULL"), operation]  # noqa: S608
    return [operation]


def _value(connection: Connection, place: str, type_: str, find: FindValue, used: set[str]) -> str | None:
    value = find(place, type_)
    if value is None:
        return None
    used.add(place)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"SELECT CAST(({value}) AS {type_})")
    except DBAPIError as error:
        raise errors.ConfigurationError(
            f"The default of {place} is not an expression of type {type_}.",
            why=server_sentence(error),
            remedy="Write it as in SQL, a text in single quotes: --default \"books.isbn='unknown'\".",
        ) from error
    return value
