"""The database of a migration: its login, its lock, and a connection as the owner.

The invariant: a process that changes a schema holds the lock, runs as the owner, and does not share its session through
a pooler, which would share the lock too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.lock import migration_lock
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions
from tenantry.postgres.roles import ensure_owner, fetch_role

__all__ = ["LOCK_WAIT", "Target", "open_target"]

# Seconds to wait for another process's migration. A deployment's own limit is usually shorter.
LOCK_WAIT = 600.0

# While a migration waits for a table's lock, all later statements on the table wait too, so it must not wait for long.
TABLE_LOCK_TIMEOUT = "10s"

# The sessions are called "tenantry migrations of NAME" in pg_stat_activity.
TASK = "migrations"


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """The database of a deployment; `login` is a connection of its migration login."""

    deployment: Deployment
    login: Connection

    @asynccontextmanager
    async def exclusively(self, wait: float = LOCK_WAIT) -> AsyncIterator[None]:
        """Hold the lock, and create the owner if it is missing.

        Raises:
            MigrationLocked: another process did not end in time.
            MigrationError: a pooler shares the connection.
        """
        if self.login.behind_bouncer:
            variable = self.deployment.settings.variable("migration_database_url")
            raise errors.MigrationError(
                "Migrations cannot run through a connection pooler in transaction mode.",
                why="The pooler would share the session that holds the migration lock with other clients.",
                remedy=f"Set {variable} to the address of the database server itself.",
            )
        async with migration_lock(self.login, wait=wait):
            await ensure_owner(self.login, self.deployment.service.roles)
            yield

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection as the owner if it exists; else as the login, which can only read."""
        facts = await fetch_role(self.login)
        owner = self.deployment.service.roles.owner
        exists = await self.login.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", owner)
        is_owner = exists and (facts.login_superuser or owner in (*facts.can_become, facts.login_name))
        unlimited = PoolOptions(size=1, overflow=0, statement_timeout=0, idle_in_transaction_timeout=0)
        patient = self.deployment.settings.database_connect_timeout
        options = dataclasses.replace(unlimited, timeout=patient, connect_timeout=patient)
        async with (
            self.deployment.engine("migration", TASK, options, in_role=is_owner) as engine,
            engine.connect() as connection,
        ):
            await connection.exec_driver_sql(f"SET lock_timeout = '{TABLE_LOCK_TIMEOUT}'")
            await connection.commit()
            yield connection


@asynccontextmanager
async def open_target(deployment: Deployment) -> AsyncIterator[Target]:
    """Log in to the deployment's database; a lease keeps its embedded server running meanwhile.

    Raises:
        DatabaseUnavailable: the server does not answer.
    """
    unlimited = {"statement_timeout": "0", "idle_session_timeout": "0"}
    async with (
        deployment.leased(),
        deployment.connect("migration", TASK, in_role=False, server_settings=unlimited) as login,
    ):
        yield Target(deployment, login)
