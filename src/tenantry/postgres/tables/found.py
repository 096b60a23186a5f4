"""Tables in the catalog, and SQLAlchemy's objects for them, with which a downgrade makes them again.

SQLAlchemy's reflection leaves out what it has no class for. Here nothing is left out: what has no class is written as
PostgreSQL spells it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Column, Computed, Connection, Identity, MetaData, Table, TextClause
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import TypeEngine

from tenantry.postgres.catalog import bare_search_path
from tenantry.postgres.statements import load_statements
from tenantry.postgres.tables.columns import Row, found_type
from tenantry.postgres.tables.compiling import Key
from tenantry.postgres.tables.sql_type import SQLType
from tenantry.sql import identifier, qualified

__all__ = [
    "FoundTables",
    "add_found_constraint",
    "escape_colons",
    "found_column",
    "found_table",
    "read_tables",
    "revision_text",
    "with_in",
]

_STATEMENTS = load_statements("tenantry.postgres.tables", "tables.sql")

_NUMBERS = re.compile(r"\((\d+)(?:,(-?\d+))?\)")

# What SQLAlchemy's text() takes for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")

_IN = re.compile(
    r"""\((?P<column>\w+|"(?:[^"]|"")+")\)::text\ (?P<operator>=\ ANY|<>\ ALL)\ \(\(ARRAY\[
    (?P<members>(?:'(?:[^']|'')*'::character\ varying(?:,\ )?)+)\]\)::text\[\]\)""",
    re.VERBOSE,
)
_MEMBER = re.compile(r"('(?:[^']|'')*')::character varying")

_SIMPLE: Mapping[str, type[TypeEngine[Any]]] = {
    "bigint": sa.BIGINT,
    "boolean": sa.BOOLEAN,
    "bytea": postgresql.BYTEA,
    "character varying": sa.VARCHAR,
    "character": sa.CHAR,
    "date": sa.DATE,
    "double precision": sa.DOUBLE_PRECISION,
    "inet": postgresql.INET,
    "integer": sa.INTEGER,
    "interval": postgresql.INTERVAL,
    "json": postgresql.JSON,
    "jsonb": postgresql.JSONB,
    "numeric": sa.NUMERIC,
    "real": sa.REAL,
    "smallint": sa.SMALLINT,
    "text": sa.TEXT,
    "tsvector": postgresql.TSVECTOR,
    "uuid": sa.UUID,
}
_TIMES: Mapping[str, type[postgresql.TIMESTAMP | postgresql.TIME]] = {
    "timestamp": postgresql.TIMESTAMP,
    "time": postgresql.TIME,
}
_TIME = re.compile(r"^(timestamp|time)(?:\((\d)\))? (with|without) time zone$")


class FoundTables(NamedTuple):
    """The tables of some schemas: rows of `tables.sql`, by table and name."""

    tables: Mapping[Key, Row]
    columns: Mapping[Key, Mapping[str, Row]]
    indexes: Mapping[Key, Mapping[str, Row]]
    constraints: Mapping[Key, Mapping[str, Row]]


def read_tables(connection: Connection, schemas: Collection[str]) -> FoundTables:
    """Read the tables of these schemas; the server prints every name outside pg_catalog with its schema."""
    with bare_search_path(connection):
        parts = {name: _read(connection, name, schemas) for name in ("tables", "columns", "indexes", "constraints")}
    tables = {key: rows[key[1]] for key, rows in parts["tables"].items()}
    return FoundTables(tables, parts["columns"], parts["indexes"], parts["constraints"])


def found_table(key: Key, found: FoundTables) -> Table:
    """Return the table with its columns, without indexes and constraints."""
    row = found.tables[key]
    storage = {name: value for name, _, value in (entry.partition("=") for entry in row["options"])}
    options: dict[str, Any] = {"postgresql_partition_by": row["partition_key"], "postgresql_with": storage or None}
    return Table(
        key[1],
        MetaData(),
        *(found_column(column) for column in found.columns.get(key, {}).values()),
        schema=None if key[0] == "public" else key[0],
        comment=row["comment"],
        prefixes=["UNLOGGED"] if row["is_unlogged"] else [],
        **{name: value for name, value in options.items() if value is not None},
    )


def found_column(row: Row) -> Column[Any]:
    """Return the column. A default that calls nextval() is part of it only if another statement makes the sequence."""
    return Column(
        row["name"],
        found_sqlalchemy_type(row),
        *_generation(row),
        server_default=None if row["generated"] else found_default(row),
        nullable=not row["is_not_null"],
        comment=row["comment"],
    )


def found_default(row: Row) -> DefaultClause | None:
    """Return the column's default."""
    return None if row["default"] is None else DefaultClause(revision_text(row["default"]))


def found_sqlalchemy_type(row: Row) -> TypeEngine[Any]:
    """Return SQLAlchemy's type for the column, or the type as PostgreSQL spells it if SQLAlchemy has no such type."""
    name: str = row["type"]
    if row["collation"] or name.endswith("[]"):
        member = _type_of(name.removesuffix("[]"), row)
        is_plain = member is not None and not row["collation"] and row["dimensions"] <= 1
        return postgresql.ARRAY(member) if is_plain and member is not None else SQLType(found_type(row))
    return _type_of(name, row) or SQLType(name)


def add_found_constraint(row: Row) -> str:
    """Return the statement that makes the constraint again."""
    table = qualified(row["schema"], row["table"])
    return f"ALTER TABLE {table} ADD CONSTRAINT {identifier(row['name'])} {with_in(row['definition'])}"


def with_in(sql: str) -> str:
    """Return the server's SQL with IN and NOT IN where the server would not read its own spelling as it was.

    It prints `status IN ('a', 'b')` of a varchar as an array that it casts to text[]. When it reads that, it casts each
    member instead.
    """

    def written(found: re.Match[str]) -> str:
        members = ", ".join(_MEMBER.findall(found["members"]))
        return f"{found['column']} {'IN' if found['operator'] == '= ANY' else 'NOT IN'} ({members})"

    return _IN.sub(written, sql)


def escape_colons(sql: str) -> str:
    """Return SQL that SQLAlchemy's text() does not take for a statement with parameters."""
    return _PARAMETER.sub(r"\\:", sql)


def revision_text(sql: str) -> TextClause:
    """Return a text that a revision contains with escaped colons: the compiler removes one backslash of two."""
    return sa.text(_PARAMETER.sub(r"\\\\:", sql))


def _read(connection: Connection, name: str, schemas: Collection[str]) -> dict[Key, dict[str, Row]]:
    found: dict[Key, dict[str, Row]] = {}
    for row in connection.exec_driver_sql(_STATEMENTS[name], (list(schemas),)).mappings():
        found.setdefault((row["schema"], row["table"]), {})[row["name"]] = dict(row)
    return found


def _type_of(name: str, row: Row) -> TypeEngine[Any] | None:
    schema = None if row["member_schema"] == "public" else row["member_schema"]
    if row["member_kind"] == "e":
        return postgresql.ENUM(name=row["member_name"], schema=schema, create_type=False)
    time = _TIME.match(name)
    if time:
        precision = None if time[2] is None else int(time[2])
        return _TIMES[time[1]](timezone=time[3] == "with", precision=precision)
    numbers = _NUMBERS.search(name)
    kind = _SIMPLE.get(_NUMBERS.sub("", name))
    if kind is None or (kind is postgresql.INTERVAL and numbers):
        return None
    return kind(*(int(number) for number in numbers.groups() if number) if numbers else ())


def _generation(row: Row) -> Iterator[Computed | Identity]:
    if row["generated"]:
        yield Computed(revision_text(row["default"]), persisted=row["generated"] == "s")
    if row["identity"]:
        names = {"start": "start", "increment": "increment", "minvalue": "minimum", "maxvalue": "maximum"}
        options = {name: row[field] for name, field in (*names.items(), ("cache", "cache"), ("cycle", "cycle"))}
        yield Identity(always=row["identity"] == "a", **options)
