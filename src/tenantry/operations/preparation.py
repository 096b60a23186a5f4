"""`prepare`: from nothing to a database that holds what the models promise.

Idempotent, and safe when several processes do it at once: every step looks before it acts, the migrations hold a lock.
The server's lease is the caller's, who knows for how long the server is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from pydantic import SecretStr

from tenantry import errors
from tenantry.migrations import current_revision, head_revision, migrate
from tenantry.operations.inspection import audit_database
from tenantry.operations.revisions import translated
from tenantry.operations.signing import push_context_keys
from tenantry.postgres.collisions import repeat_on_collision
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.roles import ensure_roles
from tenantry.postgres.server import Server
from tenantry.proof.audit import Finding
from tenantry.secrets import AddressSource, StaticSource
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.sql import identifier

__all__ = ["Prepared", "drop_database", "prepare"]

MAINTENANCE = "postgres"
# Two databases made at once from one template: the later one may find the template in use for a moment.
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` found and did for one service."""

    service: str
    database: str
    created: bool
    previous: str | None
    revision: str | None
    findings: tuple[Finding, ...]


async def prepare(
    service: Service, settings: DatabaseSettings, server: Server | None, tell: Callable[[str], None]
) -> Prepared:
    """Make the database, the roles and the schema where they are absent, and audit; `tell` hears of each step.

    Raises:
        TenantryError: a step could not be done; what was done before stays, and doing it again goes on from there.
    """
    source = service.endpoint("migration", settings, server).source
    # The address names the database; on the embedded server it is the service's own name.
    database = (await source.current()).database
    created = await _ensure_database(service, settings, source)
    tell(f"database {database} {'made' if created else 'is there'}")
    async with _login(service, settings, source) as connection:
        await ensure_roles(connection, service.roles, await _passwords(connection, service, settings))
        if created:
            await _give_to_owner(connection, database, service.roles.owner)
    roles = service.roles
    tell(f"roles {roles.owner}, {roles.application} and {roles.admin} are as they must be")
    previous, revision = await _migrate(service, settings)
    moved = "already" if revision == previous else f"from {previous or 'nothing'}"
    tell(f"schema at revision {revision}, {moved}")
    if service.signed_context:
        added = await push_context_keys(service, settings)
        tell(f"signing keys are known to the database, {', '.join(added) or 'none'} added")
    findings = await audit_database(service, settings, server)
    failures = sum(finding.severity == "error" for finding in findings)
    tell(f"audit found {len(findings) or 'nothing'}" + (f", {failures} of them errors" if failures else ""))
    return Prepared(service.name, database, created, previous, revision, tuple(findings))


async def drop_database(service: Service, server: Server) -> None:
    """Drop the service's database on the embedded server, whoever is connected to it."""
    source = StaticSource(server.address(MAINTENANCE))
    connection = await connect(source, deadline=30, application_name="tenantry")
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {identifier(service.database)} WITH (FORCE)")
    finally:
        await connection.close()


async def _ensure_database(service: Service, settings: DatabaseSettings, source: AddressSource) -> bool:
    """Return whether the database was made just now."""
    try:
        async with _login(service, settings, source):
            return False
    except errors.DatabaseUnavailable as error:
        if not isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            raise
    address = await source.current()
    statement = f"CREATE DATABASE {identifier(address.database)}"
    maintenance = StaticSource(address.replace(database=MAINTENANCE))
    async with _login(service, settings, maintenance) as connection:
        for attempt in range(ATTEMPTS):
            try:
                await connection.execute(statement)
            except (asyncpg.DuplicateDatabaseError, asyncpg.UniqueViolationError):
                return False
            except asyncpg.ObjectInUseError:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.1)
            except asyncpg.InsufficientPrivilegeError as error:
                raise errors.ConfigurationError(
                    f"The database {address.database} does not exist, and the login {address.user} may not make it.",
                    remedy=f"Have an administrator run: {statement};",
                ) from error
            else:
                return True
    return False


async def _migrate(service: Service, settings: DatabaseSettings) -> tuple[str | None, str | None]:
    """Return the revision that was found and the one that is there now."""
    with translated(service):
        previous, head = await current_revision(service, settings), head_revision(service)
        if previous == head:
            return previous, previous
        await migrate(service, settings)
        return previous, await current_revision(service, settings)


@asynccontextmanager
async def _login(service: Service, settings: DatabaseSettings, source: AddressSource) -> AsyncIterator[Connection]:
    deadline = max(settings.database_connect_timeout, settings.database_wait)
    name = f"tenantry prepare of {service.name}"[:63]
    connection = await connect(source, deadline=deadline, patience=settings.database_wait, application_name=name)
    try:
        yield connection
    finally:
        await connection.close()


async def _passwords(
    connection: Connection, service: Service, settings: DatabaseSettings
) -> dict[str, SecretStr | None]:
    """Return the passwords with which roles that do not exist yet are to be made: those in the addresses."""
    wanted: dict[str, SecretStr | None] = {}
    for purpose in ("application", "admin"):
        source = settings.source(purpose)
        if source is not None:
            address = await source.current()
            wanted[address.user] = address.password
    names = [service.roles.application, service.roles.admin]
    there = await connection.fetch("SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[])", names)
    return {name: wanted.get(name) for name in {*names} - {row["rolname"] for row in there}}


async def _give_to_owner(connection: Connection, database: str, owner: str) -> None:
    statement = f"ALTER DATABASE {identifier(database)} OWNER TO {identifier(owner)}"
    try:
        # Another process may be granting CREATE on the database, which is a change of the same row.
        await repeat_on_collision(lambda: connection.execute(statement))
    except asyncpg.InsufficientPrivilegeError:
        # The owner has what it needs by grants; that it also owns the database is for tidiness.
        return
