"""The sequences of declared tables, and the grants on them for roles that may write the columns.

nextval() checks the privileges of the role that inserts, also in a column's default. So the INSERT privilege on a table
needs USAGE on its sequence. USAGE is enough: SELECT would show how many rows all tenants have inserted, and UPDATE
would allow a tenant to set the next number.

A column uses a sequence in three ways: it is serial, its default is a `Sequence` of SQLAlchemy, or its default calls
nextval() in SQL. An identity column needs no privilege.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy
from sqlalchemy import Column, MetaData, Table
from sqlalchemy.exc import CompileError
from sqlalchemy.schema import DefaultClause
from sqlalchemy.sql.elements import ClauseElement

from tenantry.postgres.catalog import DrawnSequence
from tenantry.postgres.objects import DatabaseObject, Grant, Sequence, Serial
from tenantry.postgres.roles import Roles
from tenantry.postgres.sequences import serial_name
from tenantry.postgres.tables.compiling import DEFAULT_SCHEMA, DIALECT, as_sql, is_serial
from tenantry.tenancy.declarations import Kind, declaration_of

__all__ = [
    "DEFAULT_SCHEMA",
    "ColumnKey",
    "SequenceKey",
    "declared_sequences",
    "drawn_sequences",
    "sequence_grants",
    "serial_columns",
    "with_found_names",
]

PRIVILEGES = ("USAGE",)

# Schema, table, column; and schema, name.
ColumnKey: TypeAlias = tuple[str, str, str]
SequenceKey: TypeAlias = tuple[str, str]

_NEXTVAL = re.compile(r"\bnextval\(\s*(?:CAST\(\s*)?'((?:[^']|'')+)'", re.IGNORECASE)
_NAME = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')


class Draw(NamedTuple):
    """A sequence that a column uses, and the privilege on the table that makes a role call nextval() on it."""

    sequence: SequenceKey
    privilege: str


def serial_columns(metadata: MetaData) -> dict[ColumnKey, Serial]:
    """Return the serial columns of declared tables, with the sequence that the server makes for each."""
    found: dict[ColumnKey, Serial] = {}
    taken: dict[str, set[str]] = defaultdict(set)
    for table in metadata.tables.values():
        taken[table.schema or DEFAULT_SCHEMA].add(table.name)
    for item in declared_sequences(metadata):
        taken[item.schema].add(item.name)
    # If two sequences would have the same name, the table that migrations create second gets the number.
    for table in metadata.sorted_tables:
        schema = table.schema or DEFAULT_SCHEMA
        column = table.autoincrement_column
        if column is None or not is_serial(column) or declaration_of(table).kind is Kind.INTERNAL:
            continue
        name = serial_name(table.name, column.name, taken[schema])
        taken[schema].add(name)
        found[schema, table.name, column.name] = Serial(table.name, column.name, name, _size(column), schema)
    return found


def declared_sequences(metadata: MetaData) -> Iterator[Sequence]:
    """Yield the independent sequences, which models declare by SQLAlchemy's `Sequence`."""
    known = {id(item): item for item in metadata._sequences.values()}  # noqa: SLF001  # SQLAlchemy has no public name
    for table in metadata.tables.values():
        for column in table.columns:
            known.update({id(item): item for item in _sequences_in(column)})
    seen: set[tuple[str, ...]] = set()
    for item in known.values():
        sequence = _declared(item)
        if not item.optional and sequence.identity not in seen:
            seen.add(sequence.identity)
            yield sequence


def drawn_sequences(metadata: MetaData) -> set[SequenceKey]:
    """Return the sequences that defaults name, except those of serial columns."""
    return {draw.sequence for table in metadata.tables.values() for draw in _draws(table)}


def sequence_grants(metadata: MetaData, roles: Roles) -> Iterator[Grant]:
    """Yield USAGE for each role that writes a column with a sequence.

    Only the admin role gets USAGE on a sequence that no column uses, because no model declares its use.
    """
    serials: dict[SequenceKey, Draw] = {
        (serial.schema, serial.table): Draw((serial.schema, serial.sequence), "INSERT")
        for serial in serial_columns(metadata).values()
    }
    for sequence in declared_sequences(metadata):
        yield Grant(roles.admin, PRIVILEGES, sequence.name, "SEQUENCE", sequence.schema)
    for table in metadata.tables.values():
        own = serials.get((table.schema or DEFAULT_SCHEMA, table.name))
        for draw in (*_draws(table), *([own] if own else [])):
            schema, name = draw.sequence
            yield Grant(roles.admin, PRIVILEGES, name, "SEQUENCE", schema)
            if draw.privilege in declaration_of(table).privileges:
                yield Grant(roles.application, PRIVILEGES, name, "SEQUENCE", schema)


def _draws(table: Table) -> Iterator[Draw]:
    """Yield the sequences in the defaults of the table's columns, except those of serial columns."""
    for column in table.columns:
        if is_serial(column):
            continue
        defaults = (
            (column.default, "INSERT"),
            (column.server_default, "INSERT"),
            (column.onupdate, "UPDATE"),
        )
        for default, privilege in defaults:
            if isinstance(default, sqlalchemy.Sequence):
                yield Draw(_key(default), privilege)
            elif default is not None:
                for name in _NEXTVAL.findall(_text(default)):
                    yield Draw(_parsed(name.replace("''", "'")), privilege)


def with_found_names(
    declared: frozenset[DatabaseObject], metadata: MetaData, found: Mapping[ColumnKey, DrawnSequence]
) -> frozenset[DatabaseObject]:
    """Return the declared objects, with the grants on serial columns' sequences under the names in the database.

    A renamed table keeps its sequence under the old name, and a name may have been taken. `found` has the sequence that
    each column's default calls nextval() on.
    """
    names = {
        (serial.schema, serial.sequence): (found[key].schema, found[key].name)
        for key, serial in serial_columns(metadata).items()
        if key in found
    }
    return frozenset(_moved(item, names) for item in declared)


def _moved(item: DatabaseObject, names: Mapping[SequenceKey, SequenceKey]) -> DatabaseObject:
    if not isinstance(item, Grant) or item.kind != "SEQUENCE" or (item.schema, item.name) not in names:
        return item
    schema, name = names[item.schema, item.name]
    return Grant(item.role, item.privileges, name, item.kind, schema, item.column, item.grantable)


def _size(column: Column[Any]) -> str:
    """Return the type of a serial column's sequence."""
    name = column.type.dialect_impl(DIALECT)
    for kind, size in ((sqlalchemy.BigInteger, "bigint"), (sqlalchemy.SmallInteger, "smallint")):
        if isinstance(name, kind) or isinstance(getattr(name, "impl", None), kind):
            return size
    return "integer"


def _sequences_in(column: Column[Any]) -> Iterator[sqlalchemy.Sequence]:
    """Yield the sequences in a column's defaults that are `Sequence` objects, not SQL text."""
    for default in (column.default, column.server_default, column.onupdate):
        if isinstance(default, sqlalchemy.Sequence):
            yield default
        argument = getattr(default, "arg", None)
        if isinstance(argument, ClauseElement):
            nested = [getattr(part, "sequence", None) for part in sqlalchemy.sql.visitors.iterate(argument)]
            yield from (item for item in nested if isinstance(item, sqlalchemy.Sequence))


def _declared(item: sqlalchemy.Sequence) -> Sequence:
    schema, name = _key(item)
    options: dict[str, Any] = {
        "data_type": None if item.data_type is None else item.data_type.compile(DIALECT).lower(),
        "start": item.start,
        "increment": item.increment,
        "minimum": item.minvalue,
        "maximum": item.maxvalue,
        "cache": item.cache,
        "cycle": item.cycle,
    }
    return Sequence(name, schema, **{key: value for key, value in options.items() if value is not None})


def _key(item: sqlalchemy.Sequence) -> SequenceKey:
    return item.schema or DEFAULT_SCHEMA, item.name


def _text(default: Any) -> str:
    """Return a default as SQL; '' for a Python value, a function, or an expression that cannot be compiled alone."""
    expression = getattr(default, "arg", None)
    if isinstance(default, DefaultClause) and isinstance(expression, str):
        # A constant, even if its text contains nextval.
        return ""
    if not isinstance(expression, ClauseElement):
        return ""
    try:
        return as_sql(expression)
    except CompileError:
        return ""


def _parsed(name: str) -> SequenceKey:
    """Return the sequence that the text names, by the rules of `regclass`."""
    parts = [quoted.replace('""', '"') if quoted else bare.strip().lower() for quoted, bare in _NAME.findall(name)]
    return (parts[-2] if len(parts) > 1 else DEFAULT_SCHEMA), parts[-1]
