"""Compile what models declare as PostgreSQL's SQL: expressions, types and names.

The dialect is PostgreSQL's own, without a driver. So no percent sign is doubled, no type is replaced by a driver's
private type, and constraints that only other databases need are left out.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sqlalchemy import CheckConstraint, Column, Constraint, Index, PrimaryKeyConstraint, Table, TypeDecorator, literal
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.elements import ClauseElement
from sqlalchemy.types import TypeEngine

__all__ = [
    "DEFAULT_SCHEMA",
    "DIALECT",
    "ColumnType",
    "Key",
    "as_sql",
    "column_type",
    "constraint_name",
    "ddl_compiler",
    "default_sql",
    "index_name",
    "is_created",
    "is_serial",
    "key_of",
    "resolve",
]

# Schema and table.
Key = tuple[str, str]

DEFAULT_SCHEMA = "public"

# With this paramstyle, the compiler does not double percent signs.
DIALECT = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]

_BRACKETS = re.compile(r"(\[\d*\])+$")


class ColumnType(NamedTuple):
    """A declared type: its SQL without the collation, the collation, and the number of an array's dimensions."""

    sql: str
    collation: str
    dimensions: int


def key_of(table: Table) -> Key:
    """Return the schema and the name of a declared table."""
    return table.schema or DEFAULT_SCHEMA, table.name


def as_sql(expression: ClauseElement | str) -> str:
    """Return an expression as SQL with its values in it."""
    if isinstance(expression, str):
        return expression
    keywords = {"literal_binds": True, "include_table": False}
    return str(expression.compile(dialect=DIALECT, compile_kwargs=keywords))


def default_sql(column: Column[Any]) -> str | None:
    """Return the declared server default as SQL, None if there is no such default."""
    default = column.server_default
    if not isinstance(default, DefaultClause):
        return None
    return as_sql(literal(default.arg) if isinstance(default.arg, str) else default.arg)


def resolve(item: TypeEngine[Any]) -> TypeEngine[Any]:
    """Return the type without decorators and variants, as SQLAlchemy's compiler for PostgreSQL resolves it."""
    variants = item._variant_mapping  # noqa: SLF001  # SQLAlchemy has no public name for it
    if DIALECT.name in variants:
        return resolve(variants[DIALECT.name])
    if isinstance(item, TypeDecorator):
        return resolve(item.type_engine(DIALECT))
    return item


def column_type(item: TypeEngine[Any]) -> ColumnType:
    """Return the type as CREATE TABLE spells it."""
    sql, _, collation = DIALECT.type_compiler_instance.process(item).partition(" COLLATE ")
    brackets = _BRACKETS.search(sql)
    return ColumnType(sql, collation, brackets.group().count("[") if brackets else 0)


def is_serial(column: Column[Any]) -> bool:
    """Return True if SQLAlchemy's compiler for PostgreSQL makes the column `serial` in CREATE TABLE."""
    table = column.table
    return (
        isinstance(table, Table)
        and column.primary_key
        and column is table.autoincrement_column
        and column.identity is None
        and (column.default is None or getattr(column.default, "optional", False) is True)
    )


def is_created(item: Constraint) -> bool:
    """Return True if CREATE TABLE contains the constraint.

    A type such as `Boolean(create_constraint=True)` adds a constraint that PostgreSQL does not need.
    """
    if isinstance(item, PrimaryKeyConstraint) and not item.columns:
        return False
    rule = getattr(item, "_create_rule", None)
    return not isinstance(item, CheckConstraint) or rule is None or bool(rule(ddl_compiler()))


def ddl_compiler() -> DDLCompiler:
    """Return a compiler for parts of a statement."""
    return DIALECT.ddl_compiler(DIALECT, None)  # type: ignore[arg-type]  # a statement is optional there


def index_name(index: Index) -> str:
    """Return the name that the index has in the database, cut where PostgreSQL cuts it."""
    return _unquoted(DIALECT.identifier_preparer.format_index(index))


def constraint_name(item: Constraint) -> str:
    """Return the name that the constraint has in the database, '' if only the database knows it."""
    return "" if item.name is None else _unquoted(DIALECT.identifier_preparer.format_constraint(item))


def _unquoted(name: str | None) -> str:
    if name is None or not name.startswith('"'):
        return name or ""
    return name[1:-1].replace('""', '"')
