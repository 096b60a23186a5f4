"""`prepare`: from nothing to a database that holds what the models promise.

Idempotent, and safe when several processes do it at once: every step looks before it acts, the migrations hold a lock.
The server's lease is the caller's, who knows for how long the server is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import asyncpg

from tenantry import errors
from tenantry.commands.context import push_context_keys
from tenantry.deployment import Deployment
from tenantry.deployment.roles import ensure_service_roles
from tenantry.migrations import current_revision, head_revision, migrate
from tenantry.migrations.revisions import translated
from tenantry.postgres.collisions import repeat_on_collision
from tenantry.postgres.connection import Connection
from tenantry.proof.audit import Finding
from tenantry.proof.audit.inspection import audit_database
from tenantry.sql import identifier

__all__ = ["Prepared", "drop_database", "prepare"]

MAINTENANCE = "postgres"
TASK = "prepare"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` found and did for one service."""

    service: str
    database: str
    created: bool
    previous: str | None
    revision: str | None
    findings: tuple[Finding, ...]


async def prepare(deployment: Deployment, tell: Callable[[str], None]) -> Prepared:
    """Make the database, the roles and the schema where they are absent, and audit; `tell` hears of each step.

    Raises:
        TenantryError: a step could not be done; what was done before stays, and doing it again goes on from there.
    """
    # The address names the database; on the embedded server it is the service's own name.
    database = (await deployment.address("migration")).database
    created = await _ensure_database(deployment)
    tell(f"database {database} {'made' if created else 'is there'}")
    roles = deployment.service.roles
    async with deployment.connect("migration", TASK, in_role=False) as connection:
        await ensure_service_roles(deployment, connection)
        if created:
            await _give_to_owner(connection, database, roles.owner)
    tell(f"roles {roles.owner}, {roles.application} and {roles.admin} are as they must be")
    previous, revision = await _migrate(deployment)
    moved = "already" if revision == previous else f"from {previous or 'nothing'}"
    tell(f"schema at revision {revision}, {moved}")
    if deployment.service.signed_context:
        added = await push_context_keys(deployment)
        tell(f"signing keys are known to the database, {', '.join(added) or 'nothing'} added")
    findings = await audit_database(deployment)
    failures = sum(finding.severity == "error" for finding in findings)
    tell(f"audit found {len(findings) or 'nothing'}" + (f", {failures} of them errors" if failures else ""))
    return Prepared(deployment.name, database, created, previous, revision, tuple(findings))


async def drop_database(deployment: Deployment) -> None:
    """Drop the service's database, and end the sessions that are connected to it."""
    statement = f"DROP DATABASE IF EXISTS {identifier(deployment.service.database)} WITH (FORCE)"
    async with deployment.connect("migration", TASK, database=MAINTENANCE, in_role=False) as connection:
        await connection.execute(statement)


async def _ensure_database(deployment: Deployment) -> bool:
    """Return whether the database was created by this call."""
    try:
        async with deployment.connect("migration", TASK, in_role=False):
            return False
    except errors.DatabaseUnavailable as error:
        if not isinstance(error.__cause__, asyncpg.InvalidCatalogNameError):
            raise
    address = await deployment.address("migration")
    statement = f"CREATE DATABASE {identifier(address.database)}"
    async with deployment.connect("migration", TASK, database=MAINTENANCE, in_role=False) as connection:
        try:
            # Two databases made at once from one template: the later one may find the template in use for a moment.
            await repeat_on_collision(lambda: connection.execute(statement))
        except asyncpg.DuplicateDatabaseError:
            return False
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ConfigurationError(
                f"The database {address.database} does not exist, and the login {address.user} may not make it.",
                remedy=f"Have an administrator run: {statement};",
            ) from error
        return True


async def _migrate(deployment: Deployment) -> tuple[str | None, str | None]:
    """Return the revision that was found and the one that is there now."""
    with translated(deployment.service):
        previous, head = await current_revision(deployment), head_revision(deployment.service)
        if previous == head:
            return previous, previous
        await migrate(deployment)
        return previous, await current_revision(deployment)


async def _give_to_owner(connection: Connection, database: str, owner: str) -> None:
    statement = f"ALTER DATABASE {identifier(database)} OWNER TO {identifier(owner)}"
    try:
        # Another process may be granting CREATE on the database, which is a change of the same row.
        await repeat_on_collision(lambda: connection.execute(statement))
    except asyncpg.InsufficientPrivilegeError:
        # The owner has what it needs by grants; that it also owns the database is for tidiness.
        return
