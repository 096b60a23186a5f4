"""Fill many tables with rows of several tenants.

A table comes before those that refer to it, and a reference of a tenant's row refers to a row of the same tenant. All
rows are written in one transaction: if one table cannot be filled, the database stays as it was.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import TypeAlias

import asyncpg

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.proof.rows.fill_order import Order, arrange
from tenantry.proof.rows.references import Rows
from tenantry.proof.rows.row_writer import RowWriter, TextRow, literal_of, text_columns
from tenantry.proof.rows.shape import Constraint, Key, Shape, read_shapes

__all__ = ["ROWS", "TenantRefused", "ValuesFor", "fill"]

# How many rows each tenant gets in each table, where its unique keys have room for them.
ROWS = 3

# Returns the values that a row must have, in PostgreSQL's text form. Takes the shape of its table, the tenant as text
# ('' in a table without tenants) and the row's number, from 0.
ValuesFor: TypeAlias = Callable[[Shape, str, int], Mapping[str, str | None]]


class TenantRefused(Exception):
    """A table does not accept a tenant of that name, or has rows of that tenant already."""


async def fill(
    connection: Connection,
    tables: Mapping[Key, str | None],
    tenants: Mapping[str, str],
    *,
    rows: int = ROWS,
    bind: Callable[[str], str] = lambda _tenant: "",
    values_for: ValuesFor = lambda _shape, _tenant, _number: {},
) -> Rows:
    """Write rows of each tenant into each table, and return all rows that were written or found.

    A table without a tenant column, or one that is only referred to, belongs to no tenant. Its rows are used if it has
    any, and written otherwise.

    Args:
        connection: of a role that may write all tables and that row security does not restrict.
        tables: the tables to fill, each with its tenant column; None for a table without tenants.
        tenants: the tenants as text, each with the marker that its readable texts begin with.
        rows: how many rows a tenant gets in each table, where its unique keys have room for them.
        bind: returns the statement that binds a tenant, for defaults and triggers that read the setting.
        values_for: returns what a row must have, for example what no constraint tells.

    Raises:
        ConfigurationError: a table takes no row that was made up for it, or is missing.
        TenantRefused: a table does not accept one of the tenants, or has its rows already; try other tenants.
    """
    shapes = await read_shapes(connection, tables)
    for key, column in tables.items():
        if column is not None and column not in shapes[key].columns:
            raise errors.ConfigurationError(
                f"Table {'.'.join(key)} has no column {column!r}.", remedy="Migrate it to the newest revision."
            )
    filling = _Filling(connection, shapes, arrange(shapes), tables, tenants, rows, bind, values_for)
    async with connection.transaction():
        await filling.fill()
    return filling.written


@dataclasses.dataclass(slots=True)
class _Filling:
    """The arguments of one `fill`, and the rows so far."""

    connection: Connection
    shapes: Mapping[Key, Shape]
    order: Order
    tables: Mapping[Key, str | None]
    tenants: Mapping[str, str]
    count: int
    bind: Callable[[str], str]
    values_for: ValuesFor
    written: Rows = dataclasses.field(default_factory=Rows)

    async def fill(self) -> None:
        # A refusal should name the row that caused it, so that all constraints but those of a circle are immediate.
        await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        names = [sql.qualified(schema, reference.name) for (schema, _), reference in self.order.deferred]
        if names:
            await self.connection.execute(f"SET CONSTRAINTS {', '.join(names)} DEFERRED")
        for key in self.order.keys:
            column = self.tables.get(key)
            if column is None:
                await self._fill_common(self.shapes[key])
            else:
                await self._fill_tenants(self.shapes[key], column)
        for key, reference in (*self.order.nullable, *self.order.deferred):
            await self._refer_later(self.shapes[key], reference)
        await self._check_deferred(names)

    async def _fill_tenants(self, shape: Shape, column: str) -> None:
        await self._refuse_existing(shape, column)
        writer = RowWriter(self.connection, shape)
        alone = any(set(key.columns) == {column} for key in shape.unique_keys if key.kind != "x")
        for place, tenant in enumerate(self.tenants):
            await self._bind(tenant)
            for index in range(1 if alone else self.count):
                fixed = {column: tenant, **self.values_for(shape, tenant, index)}
                row = await self._write(writer, fixed, tenant, place * self.count + index, index)
                if row is None:
                    break
                self.written.of(shape.key, tenant).append(row)

    async def _fill_common(self, shape: Shape) -> None:
        """Use the rows of a table without tenants, or write some if it is empty."""
        query = f"SELECT {text_columns(shape)} FROM {sql.qualified(*shape.key)} LIMIT {self.count}"  # noqa: S608
        found = self.written.of(shape.key, "")
        found += [dict(row) for row in await self.connection.fetch(query)]
        writer = RowWriter(self.connection, shape)
        for number in range(0 if found else self.count):
            row = await self._write(writer, self.values_for(shape, "", number), "", number, number)
            if row is not None:
                found.append(row)

    async def _write(
        self, writer: RowWriter, fixed: Mapping[str, str | None], tenant: str, number: int, index: int
    ) -> TextRow | None:
        """Insert one row. Return None where the unique keys have no room for another."""
        shape = writer.shape
        promised = self.written.promised(shape, tenant, index, self.order)
        # The key that earlier rows expect comes first. If the table refuses it, `_refer_later` corrects these rows.
        if promised:
            with contextlib.suppress(errors.ConfigurationError):
                return await self._insert(writer, {**promised, **fixed}, tenant, number, index=number)
        # A constraint may refuse what the row refers to, so other rows are tried.
        for turn in range(self.count):
            try:
                return await self._insert(writer, fixed, tenant, number, index=number + turn)
            except errors.ConfigurationError as error:
                cause = error.__cause__
                if turn + 1 < self.count and self._is_about_references(cause, shape):
                    continue
                if isinstance(cause, asyncpg.UniqueViolationError) and self.written.of(shape.key, tenant):
                    return None
                if isinstance(cause, asyncpg.PostgresError) and self._is_about_tenant(cause, shape):
                    raise TenantRefused(tenant) from error
                raise
        raise AssertionError("The last turn returns or raises.")

    async def _insert(
        self, writer: RowWriter, values: Mapping[str, str | None], tenant: str, number: int, *, index: int
    ) -> TextRow:
        """Insert one row. `index` chooses the rows that it refers to."""
        fixed = self.written.refer(writer.shape, values, tenant, index, self.order)
        marker = self.tenants.get(tenant, "shared-rows")
        return await writer.insert(fixed.values, number, marker, copies=fixed.copies, keys=fixed.ahead)

    def _is_about_references(self, error: BaseException | None, shape: Shape) -> bool:
        """Return whether the constraint that refused a row is about what the row refers to."""
        if not isinstance(error, asyncpg.IntegrityConstraintViolationError):
            return False
        referring = {name for item in shape.references for name in item.columns} - {self.tables.get(shape.key)}
        columns = [item.columns for item in shape.constraints if item.name == error.constraint_name]
        return any(referring.intersection(found) for found in columns)

    def _is_about_tenant(self, error: asyncpg.PostgresError, shape: Shape) -> bool:
        """Return whether the table refused the tenant's name, and not the rest of the row."""
        column = self.tables.get(shape.key)
        if column is None or error.sqlstate in {"22001", "22003"}:
            return column is not None
        names = {item.name for item in shape.checks if column in item.columns}
        names.update(*shape.columns[column].type.domains.values())
        return error.sqlstate == "23514" and error.constraint_name in names

    async def _refer_later(self, shape: Shape, reference: Constraint) -> None:
        """Update the rows whose reference had to wait until the rows of its target were written."""
        for tenant in ("", *self.tenants):
            if tenant:
                await self._bind(tenant)
            for index, row in enumerate(self.written.of(shape.key, tenant)):
                if self.written.find(reference, row, tenant):
                    continue
                kept = {name: row[name] for name in self._kept(shape, reference) if row[name] is not None}
                found = self.written.choose(shape, reference, kept, tenant, index)
                if found and shape.primary_key and None not in found.values():
                    row.update(await self._update(shape, reference, row, found))

    def _kept(self, shape: Shape, reference: Constraint) -> set[str]:
        """Return the columns of a reference that an update must not change: other references have them too."""
        others = {name for item in shape.references if item != reference for name in item.columns}
        return set(reference.columns) & (others | {self.tables.get(shape.key)})

    async def _update(
        self, shape: Shape, reference: Constraint, row: TextRow, values: Mapping[str, str | None]
    ) -> Mapping[str, str | None]:
        """Update a row's reference. Return what changed: nothing where the row may stay without the reference."""
        assigned = ", ".join(f"{sql.identifier(name)} = {literal_of(value)}" for name, value in values.items())
        where = " AND ".join(f"{sql.identifier(name)} = {literal_of(row[name])}" for name in shape.primary_key)
        statement = f"UPDATE {sql.qualified(*shape.key)} SET {assigned} WHERE {where}"  # noqa: S608  # quoted
        try:
            async with self.connection.transaction():
                await self.connection.execute(statement)
        except asyncpg.IntegrityConstraintViolationError as error:
            if shape.may_be_null(reference):
                return {}
            raise _refuse_circle([f"{reference.name} of {'.'.join(shape.key)}"], error) from error
        return values

    async def _check_deferred(self, names: list[str]) -> None:
        try:
            await self.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except asyncpg.IntegrityConstraintViolationError as error:
            raise _refuse_circle(names, error) from error

    async def _bind(self, tenant: str) -> None:
        statement = self.bind(tenant)
        if statement:
            await self.connection.execute(statement)

    async def _refuse_existing(self, shape: Shape, column: str) -> None:
        tenants = ", ".join(sql.literal(tenant) for tenant in self.tenants)
        table, name = sql.qualified(*shape.key), sql.identifier(column)
        if await self.connection.fetchval(f"SELECT EXISTS (SELECT FROM {table} WHERE {name} IN ({tenants}))"):  # noqa: S608
            raise TenantRefused(column)


def _refuse_circle(names: list[str], error: asyncpg.PostgresError) -> errors.ConfigurationError:
    return errors.ConfigurationError(
        f"The rows that refer to each other by {', '.join(names)} could not be written.",
        why=f"PostgreSQL refused them with SQLSTATE {error.sqlstate}: {error.message}.",
        remedy="Declare a factory on the Service for one of the tables, or let a column of the reference be NULL.",
    )
