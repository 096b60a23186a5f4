"""The facts that the attacker knows: the schema, and the rows of all tenants, as text.

An attack that needs luck proves nothing. So the attacker knows the victim's keys and values in advance: it can aim at
them, and recognize them in an answer. The facts are read once, as the admin role, which row security does not restrict.
"""

from __future__ import annotations

import dataclasses
import re
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from tenantry import sql
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.statements import load_statements
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable

__all__ = [
    "ColumnFact",
    "DatabaseFacts",
    "Key",
    "KeyFact",
    "ReferenceFact",
    "Row",
    "TableFacts",
    "database_facts",
    "read_database_facts",
]

_STATEMENTS = load_statements(__package__ or "", "facts.sql")

# A shorter value may occur in a text by chance.
SHORTEST_SECRET = 6

DEADLINE = 10.0

# The fields of a ColumnFact, as the statement names them.
_COLUMN = ("name", "type", "is_writable", "is_updatable", "is_telling")

# Schema and table.
Key: TypeAlias = tuple[str, str]
Row: TypeAlias = Mapping[str, str | None]


@dataclasses.dataclass(frozen=True, slots=True)
class ColumnFact:
    """A column and its type, as `format_type` prints it."""

    name: str
    type: str
    is_writable: bool
    is_updatable: bool
    is_telling: bool


@dataclasses.dataclass(frozen=True, slots=True)
class KeyFact:
    """A unique key. `touched` adds the columns of its expressions and its predicate to `columns`."""

    name: str
    columns: tuple[str, ...]
    touched: tuple[str, ...]
    is_primary: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceFact:
    """A foreign key, and what it does when the row that it refers to is deleted or updated."""

    name: str
    columns: tuple[str, ...]
    target: Key
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """One tenant table: its columns and keys, the application's privileges, and its rows by tenant."""

    columns: Mapping[str, ColumnFact]
    keys: tuple[KeyFact, ...]
    references: tuple[ReferenceFact, ...]
    privileges: frozenset[str]
    is_partitioned: bool
    rows: Mapping[str, tuple[Row, ...]]

    @property
    def writable(self) -> tuple[str, ...]:
        """The columns that INSERT may name, with OVERRIDING SYSTEM VALUE for identities GENERATED ALWAYS."""
        return tuple(column.name for column in self.columns.values() if column.is_writable)

    def same(self, wanted: str, alias: str = "") -> str:
        """Return an assignment for UPDATE that changes nothing, of the `wanted` column if it may be set.

        Where PostgreSQL generates every column, UPDATE may only assign DEFAULT.
        """
        updatable = [column.name for column in self.columns.values() if column.is_updatable]
        chosen = sql.identifier(wanted if wanted in updatable or not updatable else updatable[0])
        return f"{chosen} = {alias}{chosen}" if updatable else f"{chosen} = DEFAULT"

    def literal(self, column: str, value: str | None) -> str:
        """Return a value of a column as SQL, with the column's type."""
        return f"{'NULL' if value is None else sql.literal(value).lstrip()}::{self.columns[column].type}"


@dataclasses.dataclass(frozen=True)
class DatabaseFacts:
    """All tables with tenants' rows, and the values by which another tenant's data is recognized.

    Attributes:
        secrets: the values that only other tenants have, each with its table and column.
        identities: the names of other tenants and the primary keys of their rows: what a declared lookup returns.
    """

    tables: Mapping[Key, TableFacts]
    secrets: Mapping[str, str]
    identities: frozenset[str]

    def table(self, target: AttackedTable) -> TableFacts:
        """Return the facts of one table."""
        return self.tables[target.schema, target.name]

    def find_secrets(self, text: str, given: Iterable[str] = ()) -> dict[str, str]:
        """Return the values of other tenants that a text holds, except those that the attacker gave itself."""
        known = set(given)
        return {
            value: place
            for value, place in self.secrets.items()
            if value in text and value not in known and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text)
        }


_read: weakref.WeakKeyDictionary[AttackedDatabase, DatabaseFacts] = weakref.WeakKeyDictionary()


async def database_facts(attacked: AttackedDatabase) -> DatabaseFacts:
    """Return the facts of a database, which are read once."""
    found = _read.get(attacked)
    return found if found is not None else await read_database_facts(attacked)


async def read_database_facts(attacked: AttackedDatabase) -> DatabaseFacts:
    """Read the facts of a database, also if they were read before."""
    connection = await connect(
        attacked.admin.source, deadline=DEADLINE, role=attacked.admin.role, application_name="tenantry proof"
    )
    try:
        async with connection.transaction():
            # Types outside pg_catalog are printed with their schema then.
            await connection.execute("SET LOCAL search_path = pg_catalog")
            tables = await _read_tables(connection, attacked)
    finally:
        await connection.close()
    _read[attacked] = _collect(attacked, tables)
    return _read[attacked]


async def _read_tables(connection: Connection, attacked: AttackedDatabase) -> dict[Key, TableFacts]:
    wanted = [target.schema for target in attacked.tables], [target.name for target in attacked.tables]
    columns = _by_table(await connection.fetch(_STATEMENTS["columns"], *wanted))
    keys = _by_table(await connection.fetch(_STATEMENTS["keys"], *wanted))
    references = _by_table(await connection.fetch(_STATEMENTS["references"], *wanted))
    tables = _by_table(await connection.fetch(_STATEMENTS["tables"], *wanted, attacked.application.role))
    found: dict[Key, TableFacts] = {}
    for target in attacked.tables:
        key = (target.schema, target.name)
        facts = [ColumnFact(**{name: row[name] for name in _COLUMN}) for row in columns[key]]
        found[key] = TableFacts(
            {fact.name: fact for fact in facts},
            tuple(
                KeyFact(row["name"], tuple(row["columns"]), tuple(row["touched"]), row["is_primary"])
                for row in keys.get(key, ())
            ),
            tuple(_reference(row) for row in references.get(key, ())),
            frozenset(tables[key][0]["privileges"]),
            tables[key][0]["is_partitioned"],
            await _read_rows(connection, target, [fact.name for fact in facts]),
        )
    return found


async def _read_rows(
    connection: Connection, target: AttackedTable, columns: Sequence[str]
) -> dict[str, tuple[Row, ...]]:
    """Return a table's rows by tenant. Each also has its `ctid`, and the `tableoid` of the partition that holds it."""
    values = ", ".join(f"{sql.identifier(name)}::text" for name in columns)
    table = sql.qualified(target.schema, target.name)
    statement = f"SELECT {values}, ctid::text, tableoid::oid::text AS tableoid FROM {table} ORDER BY 1"  # noqa: S608
    rows: dict[str, list[Row]] = {}
    for record in await connection.fetch(statement):
        row = dict(zip([*columns, "ctid", "tableoid"], record.values(), strict=True))
        rows.setdefault(str(row[target.tenant_column]), []).append(row)
    return {tenant: tuple(found) for tenant, found in rows.items()}


def _reference(row: Mapping[str, Any]) -> ReferenceFact:
    return ReferenceFact(
        row["name"],
        tuple(row["columns"]),
        (row["target_schema"], row["target"]),
        tuple(row["target_columns"]),
        row["on_delete"],
        row["on_update"],
    )


def _by_table(rows: Iterable[Mapping[str, Any]]) -> dict[Key, list[Mapping[str, Any]]]:
    found: dict[Key, list[Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["schema"], row["table"]), []).append(row)
    return found


def _collect(attacked: AttackedDatabase, tables: Mapping[Key, TableFacts]) -> DatabaseFacts:
    """Return the facts. A value that the attacker has too is no secret, because it proves nothing when it is seen."""
    foreign: dict[str, str] = {}
    own: set[str] = {attacked.attacker}
    identities: set[str] = {attacked.victim, attacked.bystander}
    for (schema, name), facts in tables.items():
        primary = {column for key in facts.keys if key.is_primary for column in key.columns}
        for tenant, rows in facts.rows.items():
            for row in rows:
                values = {column: row[column] for column, fact in facts.columns.items() if fact.is_telling}
                if tenant == attacked.attacker:
                    own.update(value for value in values.values() if value)
                else:
                    foreign.update({value: f"{schema}.{name}.{column}" for column, value in values.items() if value})
                    identities.update(row[column] or "" for column in primary)
    long = {value: place for value, place in foreign.items() if len(value) >= SHORTEST_SECRET and value not in own}
    return DatabaseFacts(tables, long, frozenset(identities))
