"""The database that migrations work on: its login, its owner, its lock, and a connection as the owner.

The invariant: whoever changes a schema holds the lock, is the owner, and comes as the session itself, not through a
pooler that would share the lock with others.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import errors
from tenantry.migrations.lock import migration_lock
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.endpoint import Endpoint
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.roles import ensure_owner, fetch_role
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.service import Service
from tenantry.settings import DatabaseSettings

__all__ = ["LOCK_WAIT", "Target", "open_target"]

# How long to wait for another process's migration; a deploy's own limit is usually shorter.
LOCK_WAIT = 600.0

# A migration that waits for a table's lock holds up everybody who comes after it, so it must not wait for long.
TABLE_LOCK_TIMEOUT = "10s"
LOCK_NOT_AVAILABLE = "55P03"


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """Where a service's migrations go, reached as the login behind `login`."""

    service: Service
    endpoint: Endpoint
    settings: DatabaseSettings
    login: Connection

    @property
    def name(self) -> str:
        """What the sessions are called in pg_stat_activity."""
        return f"tenantry migrations of {self.service.name}"[:63]

    @asynccontextmanager
    async def exclusively(self, wait: float = LOCK_WAIT) -> AsyncIterator[None]:
        """Hold the lock, with the owner in place.

        Raises:
            MigrationLocked: another process did not end in time.
            MigrationError: the connection is shared by a pooler.
        """
        if self.login.behind_bouncer:
            variable = self.service.settings.variable("migration_database_url")
            raise errors.MigrationError(
                "Migrations cannot go through a connection pooler in transaction mode.",
                why="It would share the session that holds the migration lock with other clients.",
                remedy=f"Give the database's own address in {variable}.",
            )
        async with migration_lock(self.login, wait=wait):
            await ensure_owner(self.login, self.service.roles)
            yield

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection as the owner, where there is one; else as the login, which can only look."""
        facts = await fetch_role(self.login)
        owner = self.service.roles.owner
        exists = await self.login.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", owner)
        role = owner if exists and (facts.login_superuser or owner in (*facts.can_become, facts.login_name)) else None
        unlimited = PoolOptions(size=1, overflow=0, statement_timeout=0, idle_in_transaction_timeout=0)
        patient = self.settings.database_connect_timeout
        options = dataclasses.replace(unlimited, timeout=patient, connect_timeout=patient)
        engine = create_engine(self.endpoint.source, options, role=role, application_name=self.name)
        try:
            async with engine.connect() as connection:
                await connection.exec_driver_sql(f"SET lock_timeout = '{TABLE_LOCK_TIMEOUT}'")
                await connection.commit()
                yield connection
        except DBAPIError as error:
            if sqlstate_of(error) == LOCK_NOT_AVAILABLE:
                raise errors.MigrationError(
                    f"A table's lock was not free within {TABLE_LOCK_TIMEOUT}; nothing of this revision was done.",
                    why="Another transaction uses the table, and everybody would have queued behind the migration.",
                    remedy="Run it again; if it happens again, look for long transactions in pg_stat_activity.",
                ) from error
            raise
        finally:
            await engine.dispose()


@asynccontextmanager
async def open_target(service: Service, settings: DatabaseSettings) -> AsyncIterator[Target]:
    """Log in to the service's database; its embedded server is up meanwhile, where the settings name no other.

    Raises:
        DatabaseUnavailable: nobody answered.
    """
    async with AsyncExitStack() as stack:
        server = service.server(settings)
        if server is not None:
            lease = await asyncio.to_thread(server.lease)
            stack.push_async_callback(asyncio.to_thread, lease.close)
        endpoint = service.endpoint("migration", settings, server)
        login = await connect(
            endpoint.source,
            deadline=max(settings.database_connect_timeout, settings.database_wait),
            patience=settings.database_wait,
            application_name=f"tenantry migrations of {service.name}"[:63],
            server_settings={"statement_timeout": "0", "idle_session_timeout": "0"},
        )
        stack.push_async_callback(login.close)
        yield Target(service, endpoint, settings, login)
