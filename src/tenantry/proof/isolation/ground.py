"""The ground on which a service is attacked: a scratch database with rows of three tenants, and who may do what there.

The attacker works over connections of the real application login, as the service makes them. What it may not touch is
watched through the admin role, which sees every row.
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
from tenantry.postgres.server import Server
from tenantry.proof.isolation.referee import Referee
from tenantry.proof.isolation.stance import Stance, make_stances
from tenantry.proof.isolation.tenants import Trio, trios_for
from tenantry.proof.rows.filling import Filling, TenantRefused, key_of, marker_of
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import declaration_of, tenancy_of
from tenantry.tenancy.scope import parse_tenant

__all__ = ["Ground", "Target", "open_ground"]

_NAME = "tenantry prove"
_DEADLINE = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """One tenant table under attack; `rows` are those put into it, by tenant (as text), as the driver reads them."""

    table: Table
    schema: str
    name: str
    tenant_column: str
    rows: dict[str, tuple[dict[str, Any], ...]]


@dataclasses.dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Ground:
    """What every attack is handed.

    Attributes:
        settings: of the scratch database; its addresses stand under every purpose.
        database: the service's own `Database` on it, opened: for attacks on the toolkit itself.
        trio: the tenants, as text.
    """

    service: Service
    settings: DatabaseSettings
    database: Database
    application: Endpoint
    admin: Endpoint
    trio: Trio
    targets: tuple[Target, ...]
    referee: Referee

    @property
    def attacker(self) -> str:
        """Who attacks."""
        return self.trio.attacker

    @property
    def victim(self) -> str:
        """Whose rows the attacker is after."""
        return self.trio.victim

    @property
    def bystander(self) -> str:
        """Who must not be touched either."""
        return self.trio.bystander

    def marker(self, tenant: str) -> str:
        """Return the word that the readable texts of a tenant's rows begin with, and no other tenant's hold."""
        return marker_of(self.trio.role_of(tenant))

    @property
    def stances(self) -> tuple[Stance, ...]:
        """The six stances, made anew each time: a signed binding is good for a while only."""
        tenancy = tenancy_of(self.service.metadata)
        is_text = isinstance(parse_tenant(self.victim, tenancy.type), str)
        return make_stances(self.binding(self.attacker), tenancy.setting, self.victim, is_text=is_text)

    async def connect(self) -> Connection:
        """Open a connection of the real application login; the caller closes it."""
        return await connect(
            self.application.source, deadline=_DEADLINE, application_name=_NAME, role=self.application.role
        )

    def binding(self, tenant: str) -> str:
        """Return the statement that binds a tenant as the unit of work does."""
        return self.database.scope(tenant).preamble

    async def fingerprint(self) -> str:
        """Return a digest of the schema and of every tenant's rows but the attacker's, as the admin role sees them."""
        return await self.referee.fingerprint()

    async def expect_untouched(self) -> tuple[str, ...]:
        """Return what changed since this was asked last: tables with others' rows, as `schema.table`; "the schema"."""
        return await self.referee.expect_untouched()


@asynccontextmanager
async def open_ground(
    service: Service, settings: DatabaseSettings, server: Server | None = None
) -> AsyncIterator[Ground]:
    """Fill the scratch database that `settings` point at, and yield the ground on it.

    Raises:
        ConfigurationError: a table takes no row that could be made up; the admin role does not see every row.
        DatabaseUnavailable: nobody answers at an address.
        UnsafeRole: the application's role could step over row security, so that there is nothing to prove.
    """
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Deployment(service, settings, server).database())
        application = Deployment(service, settings, server).endpoint("application")
        admin = Deployment(service, settings, server).endpoint("admin")
        connection = await connect(admin.source, deadline=_DEADLINE, application_name=_NAME, role=admin.role)
        stack.push_async_callback(connection.close)
        _check_sees_all(await fetch_role(connection))
        try:
            trio = await _fill(connection, service, database)
            targets = await _read_targets(connection, service, trio)
            referee = await Referee.watch(connection, service, trio.attacker)
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ConfigurationError(
                f"The admin role {admin.role} may not do its work.",
                why=f"{error.message}.",
                remedy="Run `tenantry prepare`, which grants what it needs.",
            ) from error
        yield Ground(
            service=service,
            settings=settings,
            database=database,
            application=application,
            admin=admin,
            trio=trio,
            targets=targets,
            referee=referee,
        )


def _check_sees_all(facts: RoleFacts) -> None:
    if not (facts.superuser or facts.bypass_rls):
        raise errors.ConfigurationError(
            f"The admin role {facts.name} does not see every tenant's rows.",
            why="It has no BYPASSRLS, so that damage to other tenants could not be seen.",
            remedy=f"ALTER ROLE {facts.name} BYPASSRLS, or run `tenantry prepare`.",
        )


async def _fill(connection: Connection, service: Service, database: Database) -> Trio:
    """Fill the tables for the first three tenants that they take."""
    refusal: TenantRefused | None = None
    for trio in trios_for(tenancy_of(service.metadata).type):
        try:
            async with connection.transaction():
                await Filling(connection, service, database, trio).fill()
        except TenantRefused as error:
            refusal = error
        else:
            return trio
    raise errors.ConfigurationError(
        "No three tenants could be made up.",
        why=f"The last ones were refused: {(refusal and refusal.__cause__) or 'the database has such rows already'}.",
        remedy="Declare a factory for the table of tenants in Service(factories=...).",
    ) from refusal


async def _read_targets(connection: Connection, service: Service, trio: Trio) -> tuple[Target, ...]:
    return tuple(
        [
            await _read_target(connection, table, trio)
            for table in service.metadata.sorted_tables
            if declaration_of(table).kind.is_isolated
        ]
    )


async def _read_target(connection: Connection, table: Table, trio: Trio) -> Target:
    schema, name = key_of(table)
    column = declaration_of(table).tenant_column or ""
    tenant = sql.identifier(column)
    rows: dict[str, tuple[dict[str, Any], ...]] = {}
    for one in trio:
        found = await connection.fetch(
            f"SELECT * FROM {sql.qualified(schema, name)} WHERE {tenant} = {sql.literal(one)}"  # noqa: S608
        )
        # The fullest first: an attack takes the first row's values, and NULL is nobody's.
        rows[one] = tuple(sorted(map(dict, found), key=lambda row: list(row.values()).count(None)))
    return Target(table, schema, name, column, rows)
