"""Fills a scratch database with rows of three tenants, in every table that holds rows of tenants.

Parents go before their children, and a child's reference takes a parent's row of the same tenant. All of it is one
transaction of the admin role: a filling that fails leaves the database as it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import asyncpg
from sqlalchemy import Table

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.tenants import Trio
from tenantry.proof.rows.factories import call_factory, find_factory
from tenantry.proof.rows.order import Order, arrange
from tenantry.proof.rows.references import Rows
from tenantry.proof.rows.rows import Sower, TextRow, literal_of, text_columns
from tenantry.proof.rows.shape import Constraint, Key, Shape, read_shapes
from tenantry.secrets.key_ring import KeyRing
from tenantry.service import Service
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import declaration_of
from tenantry.tenancy.encrypted import EncryptedText, Sealed

__all__ = ["ROWS", "Filling", "TenantRefused", "key_of", "marker_of"]

# How many rows each tenant gets in each table, where its unique keys have room for them.
ROWS = 3


class TenantRefused(Exception):
    """A table does not take a tenant of that name, or has rows of such a one already."""


def key_of(table: Table) -> Key:
    """Return where a declared table stands."""
    return table.schema or "public", table.name


def marker_of(role: str) -> str:
    """Return the word that texts of the attacker's, the victim's or the bystander's rows begin with."""
    return f"{role}-rows"


@dataclasses.dataclass(slots=True)
class Filling:
    """One attempt at filling, with one choice of tenants."""

    connection: Connection
    service: Service
    database: Database
    trio: Trio
    rows: Rows = dataclasses.field(default_factory=Rows)
    tables: dict[Key, Table] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Find the tables that hold rows of tenants."""
        declared = self.service.metadata.sorted_tables
        self.tables = {key_of(table): table for table in declared if declaration_of(table).kind.is_isolated}

    async def fill(self) -> None:
        """Put the rows in.

        Raises:
            ConfigurationError: a table takes no row that could be made up for it.
            TenantRefused: another choice of tenants must be tried.
        """
        shapes = await read_shapes(self.connection, self.tables)
        await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        order = arrange(shapes)
        for key in order.keys:
            if key in self.tables:
                await self._fill_tenants(shapes[key], order)
            else:
                await self._fill_common(shapes[key], order)
        for key, reference in order.late:
            await self._refer(shapes[key], reference)

    async def _fill_tenants(self, shape: Shape, order: Order) -> None:
        table = self.tables[shape.key]
        column = declaration_of(table).tenant_column or ""
        if column not in shape.columns:
            raise errors.ConfigurationError(
                f"Table {'.'.join(shape.key)} has no column {column!r}.", remedy="Migrate it to the newest revision."
            )
        await self._refuse_existing(shape, column)
        sower = Sower(self.connection, shape)
        alone = any(set(key.columns) == {column} for key in shape.unique_keys if key.kind != "x")
        for place, tenant in enumerate(self.trio):
            await self.connection.execute(self.database.scope(tenant).preamble)
            made = self.rows.of(shape.key, tenant)
            for number in range(1 if alone else ROWS):
                fixed = {column: tenant, **self._given(table, shape, tenant, number)}
                row = await self._sow(sower, order, fixed, tenant, place * ROWS + number)
                if row is None:
                    break
                made.append(row)

    async def _fill_common(self, shape: Shape, order: Order) -> None:
        """Take rows that are there, of a table that belongs to nobody; make some where there are none."""
        query = f"SELECT {text_columns(shape)} FROM {sql.qualified(*shape.key)} LIMIT {ROWS}"  # noqa: S608
        there = await self.connection.fetch(query)
        made = self.rows.of(shape.key, "")
        made += [dict(row) for row in there]
        sower = Sower(self.connection, shape)
        for number in range(0 if made else ROWS):
            fixed = self._given(None, shape, "", number)
            row = await self._sow(sower, order, fixed, "", number)
            if row is not None:
                made.append(row)

    async def _sow(
        self, sower: Sower, order: Order, fixed: Mapping[str, str | None], tenant: str, number: int
    ) -> TextRow | None:
        """Insert one row; None where the unique keys have no room for more than are there."""
        shape = sower.shape
        late = tuple(reference for key, reference in order.late if key == shape.key)
        chosen = self.rows.refer(shape, fixed, tenant, number, late)
        marker = marker_of(self.trio.role_of(tenant)) if tenant else "shared-rows"
        try:
            return await sower.insert(chosen, number, marker)
        except errors.ConfigurationError as error:
            cause = error.__cause__
            if isinstance(cause, asyncpg.UniqueViolationError) and self.rows.of(shape.key, tenant):
                return None
            if isinstance(cause, asyncpg.PostgresError) and self._is_about_tenant(cause, shape):
                raise TenantRefused(tenant) from error
            raise

    def _is_about_tenant(self, error: asyncpg.PostgresError, shape: Shape) -> bool:
        """Return whether the table refused the tenant's name and not the rest of the row."""
        table = self.tables.get(shape.key)
        column = declaration_of(table).tenant_column if table is not None else None
        if column is None or error.sqlstate in {"22001", "22003"}:
            return column is not None
        names = {item.name for item in shape.checks if column in item.columns}
        names.update(*shape.columns[column].type.domains.values())
        return error.sqlstate == "23514" and error.constraint_name in names

    async def _refer(self, shape: Shape, reference: Constraint) -> None:
        """Fill in references that had to wait because tables refer to each other in a circle."""
        for tenant in ("", *self.trio):
            for turn, row in enumerate(self.rows.of(shape.key, tenant)):
                chosen = {name: row[name] for name in reference.columns if row[name] is not None}
                found = self.rows.choose(shape, reference, chosen, tenant, turn)
                if not found or not shape.primary_key or None in found.values():
                    continue
                assigned = ", ".join(f"{sql.identifier(name)} = {literal_of(value)}" for name, value in found.items())
                where = " AND ".join(f"{sql.identifier(name)} = {literal_of(row[name])}" for name in shape.primary_key)
                await self.connection.execute(
                    f"UPDATE {sql.qualified(*shape.key)} SET {assigned} WHERE {where}"  # noqa: S608
                )

    def _given(self, table: Table | None, shape: Shape, tenant: str, number: int) -> dict[str, str | None]:
        """Return what a factory gives, and the encrypted columns."""
        given: dict[str, str | None] = {}
        key_ring = self.database.settings.key_ring()
        if table is not None and key_ring is not None:
            given = dict(_sealed(table, key_ring, tenant, number, self.trio))
        factory = find_factory(self.service, shape.key)
        return given if factory is None else given | call_factory(factory, shape, tenant, number + 1)

    async def _refuse_existing(self, shape: Shape, column: str) -> None:
        tenants = ", ".join(sql.literal(tenant) for tenant in self.trio)
        table, name = sql.qualified(*shape.key), sql.identifier(column)
        if await self.connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE {name} IN ({tenants}))"):  # noqa: S608
            raise TenantRefused(column)


def _sealed(table: Table, key_ring: KeyRing, tenant: str, number: int, trio: Trio) -> Iterator[tuple[str, str]]:
    for column in table.columns:
        if isinstance(column.type, EncryptedText):
            text = f"{marker_of(trio.role_of(tenant))} {number}"
            yield column.name, str(Sealed.seal(text, key_ring, column, tenant))
