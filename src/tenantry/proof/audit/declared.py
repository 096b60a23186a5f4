"""Declared columns, indexes and constraints: names, types and defaults as PostgreSQL spells them, and SQL for them."""

from __future__ import annotations

import re

from sqlalchemy import Column, Constraint, Index, Table, UnaryExpression, literal
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.schema import AddConstraint, CreateIndex, DefaultClause
from sqlalchemy.sql.elements import ClauseElement

from tenantry.proof.audit.snapshot import Key, key_of
from tenantry.sql import identifier, qualified

__all__ = [
    "add_column",
    "add_constraint",
    "alter_column",
    "as_sql",
    "constraint_name",
    "create_index",
    "default_text",
    "index_columns",
    "index_name",
    "table_key",
    "type_name",
]

# With this dialect's `paramstyle`, the compiler does not double percent signs.
_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]

# Beginnings of SQLAlchemy's type names that `format_type` spells in another way.
_SPELLINGS = (
    (r"^varchar\b", "character varying"),
    (r"^char\b", "character"),
    (r"^decimal\b", "numeric"),
    (r"^(float|double precision)(\(\d+\))?", "double precision"),
    (r"^time(stamp)?(\(\d+\))?$", r"\g<0> without time zone"),
    (r"^timestamptz\b", "timestamp with time zone"),
    (r"^bool\b", "boolean"),
    (r"^int\b", "integer"),
)


def as_sql(expression: ClauseElement) -> str:
    """Return an expression as SQL with its values in it."""
    return str(expression.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True}))


def table_key(column: Column[object]) -> Key:
    """Return schema and name of the column's table."""
    assert isinstance(column.table, Table)
    return key_of(column.table)


def default_text(column: Column[object]) -> str | None:
    """Return the declared server default as SQL, None if there is no such default."""
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    expression = literal(default.arg) if isinstance(default.arg, str) else default.arg
    assert isinstance(expression, ClauseElement)
    return as_sql(expression)


def type_name(column: Column[object]) -> str:
    """Return the declared type as `format_type` spells it."""
    name = column.type.compile(_DIALECT).lower().replace(", ", ",")
    for pattern, spelling in _SPELLINGS:
        name = re.sub(pattern, spelling, name)
    return name


def alter_column(column: Column[object]) -> str:
    """Return the beginning of a statement that alters the column."""
    return f"ALTER TABLE {qualified(*table_key(column))} ALTER COLUMN {identifier(column.name)}"


def add_column(column: Column[object]) -> str:
    """Return the statement that adds the column."""
    default = default_text(column)
    clauses = [
        f"ALTER TABLE {qualified(*table_key(column))} ADD COLUMN {identifier(column.name)} {type_name(column)}",
        f"DEFAULT {default}" if default else "",
        "" if column.nullable else "NOT NULL",
    ]
    return " ".join(filter(None, clauses))


def index_name(index: Index) -> str:
    """Return the name that the index has in the database, cut where PostgreSQL cuts it."""
    return _unquoted(_DIALECT.identifier_preparer.format_index(index))


def index_columns(index: Index) -> list[str]:
    """Return the column of each part of an index, with '' for an expression as in the catalog."""
    return [_column_name(item) for item in index.expressions]


def create_index(index: Index) -> str:
    """Return the statement that creates the index."""
    return str(CreateIndex(index).compile(dialect=_DIALECT)).strip()


def constraint_name(item: Constraint) -> str:
    """Return the name that the constraint has in the database, '' if only the database knows it."""
    if item.name is None:
        return ""
    return _unquoted(_DIALECT.identifier_preparer.format_constraint(item) or "")


def _unquoted(name: str) -> str:
    """Return the name of a quoted identifier."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def add_constraint(item: Constraint) -> str:
    """Return the statement that adds the constraint."""
    return str(AddConstraint(item, isolate_from_table=False).compile(dialect=_DIALECT)).strip()


def _column_name(item: object) -> str:
    # `column.desc()` is a column inside of a unary expression.
    while isinstance(item, UnaryExpression):
        item = item.element
    return item.name if isinstance(item, Column) else ""
