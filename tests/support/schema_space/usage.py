"""Use every table as its service does: tenants insert, read, change and delete their own rows, and no others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import Table, inspect, select
from sqlalchemy.orm import Mapper

from schema_space.project import Project
from tenantry import sql
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.fill_tenants import DeclaredValues, key_of
from tenantry.proof.isolation.tenants import TenantNames, tenant_names_for
from tenantry.proof.rows import Key, Rows, TenantRefused, fill
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import Declaration, Kind, declaration_of, tenancy_of

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

    def declaration(self, key: Key) -> Declaration:
        """Return the declaration of one table."""
        return declaration_of(self.declared[key])


async def check_usage(project: Project) -> None:
    """Insert rows of two tenants into every table, and then read, change and delete those of one.

    Raises:
        UsageFailure: a statement did something else than it should.
    """
    tables = Tables({key_of(table): table for table in project.service.metadata.tables.values()})
    async with project.deployment.database() as database:
        mine, other, written = await _insert(project, database, tables)
        await _mark_subclasses(project)
        await _check_strangers(project, database, tables, (mine, other), written)
        await _read_mapped(project, database, mine)
        await _change(project, database, tables, mine, written)
        await _delete(project, database, tables, (mine, other), written)


async def _insert(project: Project, database: Database, tables: Tables) -> tuple[str, str, Mapping[str, Rows]]:
    """Insert rows; return the two tenants and each one's rows, as the application sees them."""
    for names in tenant_names_for(tenancy_of(project.service.metadata).type):
        try:
            return names.attacker, names.victim, await _insert_for(project, database, tables, names)
        except TenantRefused:
            continue
    raise UsageFailure("No table accepted a tenant.")


async def _insert_for(project: Project, database: Database, tables: Tables, names: TenantNames) -> Mapping[str, Rows]:
    markers = {names.attacker: "mine", names.victim: "other"}
    values = DeclaredValues(project.service, tables.declared, database.settings.key_ring(), names)
    by_admin = _of_admin(tables)
    async with project.deployment.connect("admin", "usage") as admin:
        found = await fill(admin, by_admin, markers, rows=_ROWS, values_for=values.of)
    scoped = tables.of(Kind.TENANT_SCOPED, Kind.GLOBAL)
    by_application = {key: column for key, column in scoped.items() if key not in by_admin}
    written = {}
    for tenant, marker in markers.items():
        async with _bound(project, database, tenant) as connection:
            await _check_defaults(connection, tables)
            rows = await fill(connection, by_application, {tenant: marker}, rows=_ROWS, values_for=values.of)
        for key in by_admin:
            rows.by_table[key] = found.by_table.get(key, {})
        written[tenant] = rows
    return written


def _of_admin(tables: Tables) -> dict[Key, str | None]:
    """Return the tables that the admin fills: the tenants, what the application only reads, and what these refer to."""
    columns = tables.of(*(kind for kind in Kind if kind is not Kind.INTERNAL))
    waiting = [key for key in columns if "INSERT" not in tables.declaration(key).privileges]
    waiting += tables.of(Kind.TENANT_ROOT)
    found: dict[Key, str | None] = {}
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = columns[key]
            waiting += [key_of(item.referred_table) for item in tables.declared[key].foreign_key_constraints]
    return found


async def _check_defaults(connection: Connection, tables: Tables) -> None:
    """The application can evaluate the default of every column that it may insert.

    The rows that are made up would not show it: a value is made up for a column whose default is refused.
    """
    for row in await connection.fetch(_DEFAULTS):
        key = row["schema"], row["table"]
        if key in tables.declared and "INSERT" in tables.declaration(key).privileges:
            try:
                await connection.fetchval(f"SELECT {row['expression']}")
            except asyncpg.InsufficientPrivilegeError as error:
                raise UsageFailure(f"The default {row['expression']} of {key}: {error}") from error


async def _mark_subclasses(project: Project) -> None:
    """Give the rows of a class hierarchy the names of their classes, which no constraint of the database knows."""
    mappers = [mapper for mapper in project.models.Base.registry.mappers if mapper.polymorphic_on is not None]
    # The application may lack the privilege.
    async with project.deployment.connect("admin", "usage") as admin:
        for mapper in sorted(mappers, key=lambda one: len(list(one.iterate_to_root()))):
            await _mark_subclass(admin, mapper)


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


async def _check_strangers(
    project: Project, database: Database, tables: Tables, tenants: tuple[str, str], written: Mapping[str, Rows]
) -> None:
    """A tenant sees its own rows, all of them and no others, and changes and deletes no other's, in plain SQL."""
    for tenant, other in (tenants, tenants[::-1]):
        async with _bound(project, database, tenant) as connection:
            for key, column in tables.of(Kind.TENANT_SCOPED, Kind.TENANT_ROOT).items():
                assert column is not None
                name, condition = _name(key), f"{sql.identifier(column)} = {sql.literal(other)}"
                seen = await connection.fetch(f"SELECT {sql.identifier(column)}::text FROM {name}")
                if {row[0] for row in seen} - {tenant}:
                    raise UsageFailure(f"Tenant {tenant} sees rows of another in {key}.")
                is_scoped = tables.declaration(key).kind is Kind.TENANT_SCOPED
                if is_scoped and len(seen) != len(written[tenant].of(key, tenant)):
                    raise UsageFailure(f"Tenant {tenant} sees {len(seen)} of its rows in {key}.")
                privileges = tables.declaration(key).privileges
                assigned = f"{sql.identifier(column)} = {sql.identifier(column)}"
                for privilege, statement in (
                    ("UPDATE", f"UPDATE {name} SET {assigned} WHERE {condition}"),
                    ("DELETE", f"DELETE FROM {name} WHERE {condition}"),
                ):
                    if privilege in privileges and not (await connection.execute(statement)).endswith(" 0"):
                        raise UsageFailure(f"{statement} as {tenant} reached rows of another tenant.")


async def _read_mapped(project: Project, database: Database, tenant: str) -> None:
    """Load every row of every class with all its attributes, and write one back through the ORM."""
    for mapper in sorted(project.models.Base.registry.mappers, key=lambda one: one.class_.__name__):
        async with database.tenant(tenant) as session:
            rows = (await session.scalars(select(mapper.class_))).unique().all()
            for row in rows:
                state = inspect(row)
                if (again := await session.get(mapper.class_, state.identity)) is not row:
                    raise UsageFailure(f"{mapper.class_.__name__} {state.identity} was loaded as {again!r}.")


async def _change(
    project: Project, database: Database, tables: Tables, tenant: str, written: Mapping[str, Rows]
) -> None:
    """Every own row can be changed: each column gets the value that it has."""
    async with _bound(project, database, tenant) as connection:
        for key in tables.of(Kind.TENANT_SCOPED, Kind.TENANT_ROOT, Kind.GLOBAL):
            table = tables.declared[key]
            if "UPDATE" not in tables.declaration(key).privileges:
                continue
            columns = [one for one in table.columns if one.computed is None and not _is_always(one)]
            assigned = ", ".join(f"{sql.identifier(one.name)} = {sql.identifier(one.name)}" for one in columns)
            done = await connection.execute(f"UPDATE {_name(key)} SET {assigned}")
            rows = written[tenant].of(key, tenant if tables.declaration(key).kind.is_isolated else "")
            if rows and done == "UPDATE 0":
                raise UsageFailure(f"Tenant {tenant} changed no row of {key}.")


async def _delete(
    project: Project, database: Database, tables: Tables, tenants: tuple[str, str], written: Mapping[str, Rows]
) -> None:
    """All own rows can be deleted, in some order, and the other tenant's rows stay."""
    mine, other = tenants
    waiting = [key for key in tables.of(Kind.TENANT_SCOPED) if "DELETE" in tables.declaration(key).privileges]
    async with _bound(project, database, mine) as connection:
        await connection.execute("SET CONSTRAINTS ALL DEFERRED")
        await _forget_references(connection, tables, waiting)
        refusal: Exception | None = None
        while waiting:
            left = []
            for key in waiting:
                try:
                    async with connection.transaction():
                        await connection.execute(f"DELETE FROM {_name(key)}")
                except asyncpg.IntegrityConstraintViolationError as error:
                    refusal = error
                    left.append(key)
            if len(left) == len(waiting):
                raise UsageFailure(f"The rows of {left} cannot be deleted: {refusal}")
            waiting = left
    async with _bound(project, database, other) as connection:
        for key in tables.of(Kind.TENANT_SCOPED):
            count = await connection.fetchval(f"SELECT count(*) FROM {_name(key)}")
            if count != len(written[other].of(key, other)):
                raise UsageFailure(f"The deletion by {mine} left {count} rows of {other} in {key}.")


async def _forget_references(connection: Connection, tables: Tables, keys: Iterable[Key]) -> None:
    """Set the references that may be NULL to NULL, so that circles open."""
    for key in keys:
        if "UPDATE" not in tables.declaration(key).privileges:
            continue
        table = tables.declared[key]
        names = {element.parent for item in table.foreign_key_constraints for element in item.elements}
        assigned = ", ".join(f"{sql.identifier(one.name)} = NULL" for one in names if one.nullable)
        if assigned:
            try:
                async with connection.transaction():
                    await connection.execute(f"UPDATE {_name(key)} SET {assigned}")
            except asyncpg.IntegrityConstraintViolationError:
                continue  # A CHECK or a unique key wants the value.


@asynccontextmanager
async def _bound(project: Project, database: Database, tenant: str) -> AsyncIterator[Connection]:
    """Open a transaction of the application in which a tenant is bound, without SQLAlchemy."""
    async with project.deployment.connect("application", "usage") as connection, connection.transaction():
        await connection.execute(database.scope(tenant).preamble)
        yield connection


def _name(key: Key) -> str:
    return sql.qualified(*key)


def _is_always(column: Any) -> bool:
    return column.identity is not None and bool(column.identity.always)
