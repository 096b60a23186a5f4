"""Use every table as its service does: tenants insert, read, change and delete their own rows, and no others."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import Table, inspect, select
from sqlalchemy.orm import Mapper, Session, selectinload

from schema_space.project import Project
from tenantry import sql
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.fill_tenants import DeclaredValues, key_of
from tenantry.proof.isolation.tenants import TenantNames, tenant_names_for
from tenantry.proof.rows import Key, Rows, TenantRefused, fill
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import Kind, declaration_of, tenancy_of

__all__ = ["UsageFailure", "check_usage"]

# Each tenant gets so many rows in each table.
_ROWS = 2

_DEFAULTS = """
SELECT n.nspname AS schema, c.relname AS "table", pg_get_expr(d.adbin, d.adrelid) AS expression
FROM pg_attrdef AS d
JOIN pg_class AS c ON c.oid = d.adrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_attribute AS a ON (a.attrelid, a.attnum) = (d.adrelid, d.adnum)
WHERE a.attgenerated = '' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""


class UsageFailure(AssertionError):
    """A table that cannot be used as it is declared."""


class Tables(NamedTuple):
    """The declared tables, by what the application may do with them."""

    declared: Mapping[Key, Table]

    def of(self, *kinds: Kind) -> dict[Key, str | None]:
        """Return the tables of some kinds, each with its tenant column."""
        found = {key: declaration_of(table) for key, table in self.declared.items()}
        return {key: item.tenant_column for key, item in found.items() if item.kind in kinds}

    def may(self, privilege: str, key: Key) -> bool:
        """Return whether the application has a privilege on a table."""
        return privilege in declaration_of(self.declared[key]).privileges

    def is_scoped(self, key: Key) -> bool:
        """Return whether a table's rows belong to tenants."""
        return declaration_of(self.declared[key]).kind is Kind.TENANT_SCOPED

    def of_admin(self) -> dict[Key, str | None]:
        """Return the tables that the admin fills: the tenants, what the application only reads, and their targets."""
        columns = self.of(*(kind for kind in Kind if kind is not Kind.INTERNAL))
        limited = [key for key in columns if not (self.may("INSERT", key) and self.may("UPDATE", key))]
        waiting = [*limited, *self.of(Kind.TENANT_ROOT)]
        found: dict[Key, str | None] = {}
        while waiting:
            key = waiting.pop()
            if key not in found:
                found[key] = columns[key]
                waiting += [key_of(item.referred_table) for item in self.declared[key].foreign_key_constraints]
        return found


async def check_usage(project: Project) -> None:
    """Insert rows of two tenants into every table, and then read, change and delete those of one.

    Raises:
        UsageFailure: a statement did something else than it should.
    """
    tables = Tables({key_of(table): table for table in project.service.metadata.tables.values()})
    deployment = project.deployment
    async with (
        deployment.database() as database,
        deployment.connect("admin", "usage") as admin,
        deployment.connect("application", "usage") as application,
    ):
        for names in tenant_names_for(tenancy_of(project.service.metadata).type):
            try:
                usage = _Usage(project, database, tables, admin, application, names, {})
                await usage.insert()
            except TenantRefused:
                continue
            await usage.mark_subclasses()
            await usage.check_strangers()
            await usage.read_mapped()
            await usage.unlink_related()
            await usage.change()
            await usage.delete()
            return
    raise UsageFailure("No table accepted a tenant.")


@dataclass
class _Usage:
    """One use of a schema: the rows of the attacker are `mine`, those of the victim another tenant's."""

    project: Project
    database: Database
    tables: Tables
    admin: Connection
    application: Connection
    names: TenantNames
    written: dict[str, Rows]

    @property
    def mine(self) -> str:
        return self.names.attacker

    @property
    def other(self) -> str:
        return self.names.victim

    async def insert(self) -> None:
        """Insert rows as the application; as the admin what the application only reads."""
        markers = {self.mine: "mine", self.other: "other"}
        values = DeclaredValues(
            self.project.service, self.tables.declared, self.database.settings.key_ring(), self.names
        )
        by_admin = self.tables.of_admin()
        found = await fill(self.admin, by_admin, markers, rows=_ROWS, values_for=values.of)
        scoped = self.tables.of(Kind.TENANT_SCOPED, Kind.GLOBAL)
        by_application = {key: column for key, column in scoped.items() if key not in by_admin}
        for tenant, marker in markers.items():
            async with self._bound(tenant) as connection:
                await self._check_defaults(connection)
                rows = await fill(connection, by_application, {tenant: marker}, rows=_ROWS, values_for=values.of)
            for key in by_admin:
                rows.by_table[key] = found.by_table.get(key, {})
            self.written[tenant] = rows

    async def _check_defaults(self, connection: Connection) -> None:
        """The application can evaluate the default of every column that it may insert.

        The rows that are made up would not show it: a value is made up for a column whose default is refused.
        """
        for row in await connection.fetch(_DEFAULTS):
            key = row["schema"], row["table"]
            if key in self.tables.declared and self.tables.may("INSERT", key):
                try:
                    await connection.fetchval(f"SELECT {row['expression']}")
                except asyncpg.InsufficientPrivilegeError as error:
                    raise UsageFailure(f"The default {row['expression']} of {key}: {error}") from error

    async def mark_subclasses(self) -> None:
        """Give the rows of a class hierarchy the names of their classes, which no constraint of the database knows."""
        mappers = [mapper for mapper in self._mappers() if mapper.polymorphic_on is not None]
        # As the admin, because the application may lack the privilege.
        for mapper in sorted(mappers, key=lambda one: len(list(one.iterate_to_root()))):
            await _mark_subclass(self.admin, mapper)

    async def check_strangers(self) -> None:
        """A tenant sees its own rows, all of them and no others, and changes and deletes no other's, in plain SQL."""
        for tenant, other in ((self.mine, self.other), (self.other, self.mine)):
            async with self._bound(tenant) as connection:
                for key, column in self.tables.of(Kind.TENANT_SCOPED, Kind.TENANT_ROOT).items():
                    assert column is not None
                    await self._check_stranger(connection, key, sql.identifier(column), tenant, other)

    async def _check_stranger(self, connection: Connection, key: Key, column: str, tenant: str, other: str) -> None:
        name, condition = _name(key), f"{column} = {sql.literal(other)}"
        seen = await connection.fetch(f"SELECT {column}::text FROM {name}")
        if {row[0] for row in seen} - {tenant}:
            raise UsageFailure(f"Tenant {tenant} sees rows of another in {key}.")
        if self.tables.is_scoped(key) and len(seen) != len(self.written[tenant].of(key, tenant)):
            raise UsageFailure(f"Tenant {tenant} sees {len(seen)} of its rows in {key}.")
        for privilege, statement in (
            ("UPDATE", f"UPDATE {name} SET {column} = {column} WHERE {condition}"),
            ("DELETE", f"DELETE FROM {name} WHERE {condition}"),
        ):
            if self.tables.may(privilege, key) and not (await connection.execute(statement)).endswith(" 0"):
                raise UsageFailure(f"{statement} as {tenant} reached rows of another tenant.")

    async def read_mapped(self) -> None:
        """Load every row of every class with all its attributes, and find each by its key."""
        for mapper in sorted(self._mappers(), key=lambda one: one.class_.__name__):
            async with self.database.tenant(self.mine) as session:
                related = [selectinload("*")] if mapper.relationships else []
                rows = (await session.scalars(select(mapper.class_).options(*related))).unique().all()
                for row in rows:
                    identity = inspect(row).identity
                    if (again := await session.get(mapper.class_, identity)) is not row:
                        raise UsageFailure(f"{mapper.class_.__name__} {identity} was loaded as {again!r}.")

    async def unlink_related(self) -> None:
        """A related row can be taken away and given back, which changes no tenant."""
        for mapper in self._mappers():
            for one in mapper.relationships:
                if all(column.nullable for column in one.local_columns if not self._is_tenant(column)):
                    async with self.database.tenant(self.mine) as session:
                        row = (await session.scalars(select(mapper.class_))).first()
                        # Loaded as lazily as by code that is not asynchronous.
                        other = await session.run_sync(_get_lazily, row, one.key)
                        if other is not None and self.tables.may("UPDATE", _key_of(mapper)):
                            for value in (None, other):
                                setattr(row, one.key, value)
                                await session.flush()

    def _is_tenant(self, column: Any) -> bool:
        return bool(column.name == declaration_of(column.table).tenant_column)

    async def change(self) -> None:
        """Every own row can be changed: each column gets the value that it has."""
        async with self._bound(self.mine) as connection:
            for key, column in self.tables.of(Kind.TENANT_SCOPED, Kind.TENANT_ROOT, Kind.GLOBAL).items():
                if not self.tables.may("UPDATE", key):
                    continue
                columns = [one for one in self.tables.declared[key].columns if not _is_generated(one)]
                assigned = ", ".join(f"{sql.identifier(one.name)} = {sql.identifier(one.name)}" for one in columns)
                done = await connection.execute(f"UPDATE {_name(key)} SET {assigned}")
                if self.written[self.mine].of(key, self.mine if column else "") and done == "UPDATE 0":
                    raise UsageFailure(f"Tenant {self.mine} changed no row of {key}.")

    async def delete(self) -> None:
        """All own rows can be deleted, in some order, and the other tenant's rows stay."""
        waiting = [key for key in self.tables.of(Kind.TENANT_SCOPED) if self.tables.may("DELETE", key)]
        async with self._bound(self.mine) as connection:
            await connection.execute("SET CONSTRAINTS ALL DEFERRED")
            await self._forget_references(connection, waiting)
            while waiting:
                left = [key for key in waiting if not await _is_emptied(connection, key)]
                if len(left) == len(waiting):
                    raise UsageFailure(f"The rows of {left} cannot be deleted.")
                waiting = left
        async with self._bound(self.other) as connection:
            for key in self.tables.of(Kind.TENANT_SCOPED):
                count = await connection.fetchval(f"SELECT count(*) FROM {_name(key)}")
                if count != len(self.written[self.other].of(key, self.other)):
                    raise UsageFailure(f"The deletion by {self.mine} left {count} rows of {self.other} in {key}.")

    async def _forget_references(self, connection: Connection, keys: Iterable[Key]) -> None:
        """Set the references that may be NULL to NULL, so that circles open."""
        for key in keys:
            table = self.tables.declared[key]
            names = {element.parent for item in table.foreign_key_constraints for element in item.elements}
            assigned = ", ".join(f"{sql.identifier(one.name)} = NULL" for one in names if one.nullable)
            if assigned and self.tables.may("UPDATE", key):
                # A CHECK or a unique key may want the value.
                with contextlib.suppress(asyncpg.IntegrityConstraintViolationError):
                    async with connection.transaction():
                        await connection.execute(f"UPDATE {_name(key)} SET {assigned}")

    def _mappers(self) -> Iterable[Mapper[Any]]:
        mappers: Iterable[Mapper[Any]] = self.project.models.Base.registry.mappers
        return mappers

    @asynccontextmanager
    async def _bound(self, tenant: str) -> AsyncIterator[Connection]:
        """Open a transaction of the application in which a tenant is bound, without SQLAlchemy."""
        async with self.application.transaction():
            await self.application.execute(self.database.scope(tenant).preamble)
            yield self.application


async def _is_emptied(connection: Connection, key: Key) -> bool:
    """Delete all rows that a tenant sees; return False if other rows refer to them."""
    try:
        async with connection.transaction():
            await connection.execute(f"DELETE FROM {_name(key)}")
    except asyncpg.IntegrityConstraintViolationError:
        return False
    return True


async def _mark_subclass(connection: Connection, mapper: Mapper[Any]) -> None:
    root, table, column = mapper.base_mapper.local_table, mapper.local_table, mapper.polymorphic_on
    assert isinstance(root, Table)
    assert isinstance(table, Table)
    assert column is not None
    if mapper is not mapper.base_mapper and table is root:
        return  # A class of a single table; its base has marked all rows.
    keys = " AND ".join(
        f"child.{sql.identifier(one.name)} = root.{sql.identifier(other.name)}"
        for one, other in zip(table.primary_key, root.primary_key, strict=True)
    )
    await connection.execute(
        f"UPDATE {_name(key_of(root))} AS root SET {sql.identifier(column.name)} = "
        f"{sql.literal(str(mapper.polymorphic_identity))} FROM {_name(key_of(table))} AS child WHERE {keys}"
    )


def _name(key: Key) -> str:
    return sql.qualified(*key)


def _get_lazily(_session: Session, row: object, name: str) -> Any:
    return getattr(row, name, None)


def _key_of(mapper: Mapper[Any]) -> Key:
    assert isinstance(mapper.local_table, Table)
    return key_of(mapper.local_table)


def _is_generated(column: Any) -> bool:
    return column.computed is not None or (column.identity is not None and bool(column.identity.always))
