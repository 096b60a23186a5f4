"""Statements that make a table's parts as the models declare them, for remedies."""

from __future__ import annotations

from sqlalchemy import Column, Table

from tenantry.postgres.tables.columns import type_sql
from tenantry.postgres.tables.compiling import Key, as_sql, default_sql, key_of
from tenantry.sql import identifier, qualified

__all__ = ["add_column", "column_name", "table_key"]


def table_key(column: Column[object]) -> Key:
    """Return schema and name of the column's table."""
    assert isinstance(column.table, Table)
    return key_of(column.table)


def column_name(column: Column[object]) -> str:
    """Return the column as a finding names it."""
    return f"column {'.'.join((*table_key(column), column.name))}"


def add_column(column: Column[object]) -> str:
    """Return the statement that adds the column."""
    default = default_sql(column)
    clauses = [
        f"ALTER TABLE {qualified(*table_key(column))} ADD COLUMN {identifier(column.name)} {type_sql(column)}",
        f"DEFAULT {default}" if default else "",
        "" if column.computed is None else f"GENERATED ALWAYS AS ({as_sql(column.computed.sqltext)}) STORED",
        "" if column.nullable else "NOT NULL",
    ]
    return " ".join(filter(None, clauses))
