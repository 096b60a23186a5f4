"""What the attacker is taken to know: the schema, and every row of everybody, as text.

An attack that depended on luck would prove nothing, so the attacker knows the victim's keys and values beforehand. Only
then can it aim at them, and tell by the data alone whether something came through. All of it is read once, as the admin
role, which row security does not hold.
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
from tenantry.proof.isolation.ground import Ground, Target

__all__ = ["ColumnFact", "Key", "KeyFact", "Knowledge", "ReferenceFact", "Row", "TableFacts", "know", "learn"]

_STATEMENTS = load_statements(__package__ or "", "knowledge.sql")

# Shorter values stand everywhere by chance.
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
    """A unique key; `touched` are also the columns of its expressions and its predicate."""

    name: str
    columns: tuple[str, ...]
    touched: tuple[str, ...]
    is_primary: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ReferenceFact:
    """A foreign key, and what it does when the row that it refers to goes."""

    name: str
    columns: tuple[str, ...]
    target: Key
    target_columns: tuple[str, ...]
    on_delete: str
    on_update: str


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """One tenant table: its shape, what the application may do with it, and its rows by tenant."""

    columns: Mapping[str, ColumnFact]
    keys: tuple[KeyFact, ...]
    references: tuple[ReferenceFact, ...]
    privileges: frozenset[str]
    is_partitioned: bool
    rows: Mapping[str, tuple[Row, ...]]

    @property
    def writable(self) -> tuple[str, ...]:
        """The columns that INSERT may name, with OVERRIDING SYSTEM VALUE for the identities that are always made."""
        return tuple(column.name for column in self.columns.values() if column.is_writable)

    def same(self, wanted: str, alias: str = "") -> str:
        """Return an assignment that UPDATE takes and that changes nothing, of the `wanted` column if it may be set.

        Where PostgreSQL makes every column itself only DEFAULT may be assigned.
        """
        updatable = [column.name for column in self.columns.values() if column.is_updatable]
        chosen = sql.identifier(wanted if wanted in updatable or not updatable else updatable[0])
        return f"{chosen} = {alias}{chosen}" if updatable else f"{chosen} = DEFAULT"

    def literal(self, column: str, value: str | None) -> str:
        """Return a value of a column as SQL, typed wherever it stands."""
        return f"{'NULL' if value is None else sql.literal(value).lstrip()}::{self.columns[column].type}"


@dataclasses.dataclass(frozen=True)
class Knowledge:
    """All tables, and the values that belong to other tenants alone, with the place of each."""

    tables: Mapping[Key, TableFacts]
    secrets: Mapping[str, str]
    # The tenants and the primary keys of others: what a declared lookup returns.
    identities: frozenset[str]

    def of(self, target: Target) -> TableFacts:
        """Return what is known of a table."""
        return self.tables[target.schema, target.name]

    def spot(self, text: str, given: Iterable[str] = ()) -> dict[str, str]:
        """Return the values of other tenants that stand in a text, but for those that the attacker `given` itself."""
        known = set(given)
        return {
            value: place
            for value, place in self.secrets.items()
            if value in text and value not in known and re.search(rf"(?<![\w-]){re.escape(value)}(?![\w-])", text)
        }


_known: weakref.WeakKeyDictionary[Ground, Knowledge] = weakref.WeakKeyDictionary()


async def know(ground: Ground) -> Knowledge:
    """Return what is known of a ground; it is read once."""
    found = _known.get(ground)
    return found if found is not None else await learn(ground)


async def learn(ground: Ground) -> Knowledge:
    """Read everything there is to know of a ground, again if it was known."""
    connection = await connect(
        ground.admin.source, deadline=DEADLINE, role=ground.admin.role, application_name="tenantry proof"
    )
    try:
        async with connection.transaction():
            # So that types outside pg_catalog are printed with their schema.
            await connection.execute("SET LOCAL search_path = pg_catalog")
            tables = await _read_tables(connection, ground)
    finally:
        await connection.close()
    _known[ground] = _collect(ground, tables)
    return _known[ground]


async def _read_tables(connection: Connection, ground: Ground) -> dict[Key, TableFacts]:
    wanted = [target.schema for target in ground.targets], [target.name for target in ground.targets]
    columns = _by_table(await connection.fetch(_STATEMENTS["columns"], *wanted))
    keys = _by_table(await connection.fetch(_STATEMENTS["keys"], *wanted))
    references = _by_table(await connection.fetch(_STATEMENTS["references"], *wanted))
    tables = _by_table(await connection.fetch(_STATEMENTS["tables"], *wanted, ground.application.role))
    found: dict[Key, TableFacts] = {}
    for target in ground.targets:
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


async def _read_rows(connection: Connection, target: Target, columns: Sequence[str]) -> dict[str, tuple[Row, ...]]:
    """Return a table's rows by tenant; beside its columns each has its `ctid` and the table that it lies in."""
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


def _collect(ground: Ground, tables: Mapping[Key, TableFacts]) -> Knowledge:
    """Return what belongs to others alone; a value that the attacker has too proves nothing when it is seen."""
    foreign: dict[str, str] = {}
    own: set[str] = {ground.attacker}
    identities: set[str] = {ground.victim, ground.bystander}
    for (schema, name), facts in tables.items():
        primary = {column for key in facts.keys if key.is_primary for column in key.columns}
        for tenant, rows in facts.rows.items():
            for row in rows:
                values = {column: row[column] for column, fact in facts.columns.items() if fact.is_telling}
                if tenant == ground.attacker:
                    own.update(value for value in values.values() if value)
                else:
                    foreign.update({value: f"{schema}.{name}.{column}" for column, value in values.items() if value})
                    identities.update(row[column] or "" for column in primary)
    long = {value: place for value, place in foreign.items() if len(value) >= SHORTEST_SECRET and value not in own}
    return Knowledge(tables, long, frozenset(identities))
