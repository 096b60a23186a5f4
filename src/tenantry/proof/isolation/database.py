"""The database that is attacked: a scratch database with rows of three tenants.

The attacker uses connections of the real application login, made as the service makes them. What the attacker must not
change is checked through the admin role, which sees every row.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Table

from tenantry import errors, sql
from tenantry.deployment import Deployment
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.endpoint import Endpoint
from tenantry.postgres.role_facts import RoleFacts, fetch_role
from tenantry.proof.isolation.binding import Binding, make_bindings
from tenantry.proof.isolation.fill_tenants import fill_tenants, key_of, marker_of
from tenantry.proof.isolation.integrity import IntegrityCheck
from tenantry.proof.isolation.tenants import TenantNames
from tenantry.service import Service
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import declaration_of, tenancy_of
from tenantry.tenancy.scope import parse_tenant

__all__ = ["AttackedDatabase", "AttackedTable", "open_attacked"]

_NAME = "tenantry prove"
_DEADLINE = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class AttackedTable:
    """One tenant table under attack; `rows` are its new rows by tenant (as text), as the driver reads them."""

    table: Table
    schema: str
    name: str
    tenant_column: str
    rows: dict[str, tuple[dict[str, Any], ...]]


@dataclasses.dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class AttackedDatabase:
    """What every attack gets.

    Attributes:
        deployment: the service on the scratch database, for every purpose.
        database: the service's own `Database` on it, opened, for attacks on the toolkit itself.
        tenants: the names of the three tenants, as text.
        tables: the tables with tenants' rows.
    """

    deployment: Deployment
    database: Database
    application: Endpoint
    admin: Endpoint
    tenants: TenantNames
    tables: tuple[AttackedTable, ...]
    integrity: IntegrityCheck

    @property
    def service(self) -> Service:
        """The service."""
        return self.deployment.service

    @property
    def attacker(self) -> str:
        """The tenant that attacks."""
        return self.tenants.attacker

    @property
    def victim(self) -> str:
        """The tenant whose rows the attacker wants."""
        return self.tenants.victim

    @property
    def bystander(self) -> str:
        """A third tenant, whose rows must not change either."""
        return self.tenants.bystander

    def marker(self, tenant: str) -> str:
        """Return the word that the readable texts of a tenant's rows begin with. No other tenant's texts hold it."""
        return marker_of(self.tenants.role_of(tenant))

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """The six bindings, made at each call, because a signed binding expires."""
        tenancy = tenancy_of(self.service.metadata)
        is_text = isinstance(parse_tenant(self.victim, tenancy.type), str)
        return make_bindings(self.bind_sql(self.attacker), tenancy.setting, self.victim, is_text=is_text)

    async def connect(self) -> Connection:
        """Open a connection of the real application login. The caller closes it."""
        return await connect(
            self.application.source, deadline=_DEADLINE, application_name=_NAME, role=self.application.role
        )

    def bind_sql(self, tenant: str) -> str:
        """Return the statement that binds a tenant as the unit of work does."""
        return self.database.scope(tenant).preamble

    async def fingerprint(self) -> str:
        """Return a digest of the schema and of all tenants' rows except the attacker's, as the admin role sees them."""
        return await self.integrity.fingerprint()

    async def find_changes(self) -> tuple[str, ...]:
        """Return what changed since the last call: tables with other tenants' rows by `schema.table`, "the schema"."""
        return await self.integrity.find_changes()


@asynccontextmanager
async def open_attacked(deployment: Deployment) -> AsyncIterator[AttackedDatabase]:
    """Fill the scratch database of a deployment, and yield it ready to be attacked.

    Raises:
        ConfigurationError: a table takes no row that was made up for it, or the admin role does not see every row.
        DatabaseUnavailable: no server answers at an address.
        UnsafeRole: the application's role bypasses row security, so that there is nothing to prove.
    """
    async with AsyncExitStack() as stack:
        service = deployment.service
        database = await stack.enter_async_context(deployment.database())
        application, admin = deployment.endpoint("application"), deployment.endpoint("admin")
        connection = await connect(admin.source, deadline=_DEADLINE, application_name=_NAME, role=admin.role)
        stack.push_async_callback(connection.close)
        _check_sees_all(await fetch_role(connection))
        try:
            tenants = await fill_tenants(connection, service, database)
            tables = await _read_tables(connection, service, tenants)
            integrity = await IntegrityCheck.begin(connection, service, tenants.attacker)
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ConfigurationError(
                f"The admin role {admin.role} lacks a privilege on the scratch database.",
                why=f"{error.message}.",
                remedy="Run `tenantry prepare`, which grants it.",
            ) from error
        yield AttackedDatabase(
            deployment=deployment,
            database=database,
            application=application,
            admin=admin,
            tenants=tenants,
            tables=tables,
            integrity=integrity,
        )


def _check_sees_all(facts: RoleFacts) -> None:
    if not (facts.superuser or facts.bypass_rls):
        raise errors.ConfigurationError(
            f"The admin role {facts.name} does not see every tenant's rows.",
            why="It has no BYPASSRLS, so the proof could not see what an attack changes.",
            remedy=f"ALTER ROLE {facts.name} BYPASSRLS, or run `tenantry prepare`.",
        )


async def _read_tables(connection: Connection, service: Service, tenants: TenantNames) -> tuple[AttackedTable, ...]:
    return tuple(
        [
            await _read_table(connection, table, tenants)
            for table in service.metadata.sorted_tables
            if declaration_of(table).kind.is_isolated
        ]
    )


async def _read_table(connection: Connection, table: Table, tenants: TenantNames) -> AttackedTable:
    schema, name = key_of(table)
    column = declaration_of(table).tenant_column or ""
    tenant = sql.identifier(column)
    rows: dict[str, tuple[dict[str, Any], ...]] = {}
    for one in tenants:
        found = await connection.fetch(
            f"SELECT * FROM {sql.qualified(schema, name)} WHERE {tenant} = {sql.literal(one)}"  # noqa: S608
        )
        # The row with the fewest NULLs comes first: an attack uses the first row's values, and NULL identifies no row.
        rows[one] = tuple(sorted(map(dict, found), key=lambda row: list(row.values()).count(None)))
    return AttackedTable(table, schema, name, column, rows)
