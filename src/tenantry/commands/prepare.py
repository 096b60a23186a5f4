"""`prepare`: creates a service's database, roles and schema where they are missing, and audits them.

It is idempotent, and several processes may run it at once: every step checks before it acts, and the migrations hold a
lock. The caller holds the server's lease, because it knows how long the server is needed.
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
from tenantry.migrations.recorded import Edited, describe_edited, read_edited
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
    """The result of `prepare` for one service."""

    service: str
    database: str
    created: bool
    previous: str | None
    revision: str | None
    findings: tuple[Finding, ...]
    edited: tuple[Edited, ...] = ()


async def prepare(deployment: Deployment, tell: Callable[[str], None]) -> Prepared:
    """Create the database, the roles and the schema where they are missing, and audit; call `tell` for each step.

    Raises:
        TenantryError: a step failed. The completed steps stay, and the next call continues after them.
    """
    # The address names the database. On the embedded server, it is the database of the service.
    database = (await deployment.address("migration")).database
    created = await _ensure_database(deployment)
    tell(f"database {database} {'created' if created else 'exists'}")
    roles = deployment.service.roles
    async with deployment.connect("migration", TASK, in_role=False) as connection:
        await ensure_service_roles(deployment, connection)
        if created:
            await _give_to_owner(connection, database, roles.owner)
    tell(f"roles {roles.owner}, {roles.application} and {roles.admin} are correct")
    previous, revision = await _migrate(deployment)
    moved = "nothing to do" if revision == previous else f"was at {previous or 'base'}"
    tell(f"schema at revision {revision or 'base'}, {moved}")
    edited = tuple(await read_edited(deployment, "migration"))
    for one in edited:
        tell("warning: " + " ".join(describe_edited(one, deployment.service)))
    if deployment.service.signed_context:
        added = await push_context_keys(deployment)
        tell(f"signing keys are in the database, {', '.join(added) or 'no key'} added")
    findings = await audit_database(deployment)
    failures = sum(finding.severity == "error" for finding in findings)
    counts = f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}"
    tell(f"audit done, {counts}" + (f", {failures} of them errors" if failures else ""))
    return Prepared(deployment.name, database, created, previous, revision, tuple(findings), edited)


async def drop_database(deployment: Deployment) -> None:
    """Drop the service's database, and end its sessions."""
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
            # CREATE DATABASE fails while another CREATE DATABASE uses the same template.
            await repeat_on_collision(lambda: connection.execute(statement))
        except asyncpg.DuplicateDatabaseError:
            return False
        except asyncpg.InsufficientPrivilegeError as error:
            raise errors.ConfigurationError(
                f"The login {address.user!r} cannot create the missing database {address.database!r}.",
                why=str(error).rstrip(".") + ".",
                remedy=f"Run as a superuser: {statement};",
            ) from error
        return True


async def _migrate(deployment: Deployment) -> tuple[str | None, str | None]:
    """Return the revision before and after the migration."""
    with translated(deployment.service):
        previous, head = await current_revision(deployment), head_revision(deployment.service)
        if previous == head:
            return previous, previous
        await migrate(deployment)
        return previous, await current_revision(deployment)


async def _give_to_owner(connection: Connection, database: str, owner: str) -> None:
    statement = f"ALTER DATABASE {identifier(database)} OWNER TO {identifier(owner)}"
    try:
        # Another process may grant CREATE on the database at the same time, which updates the same row.
        await repeat_on_collision(lambda: connection.execute(statement))
    except asyncpg.InsufficientPrivilegeError:
        # The owner has the required privileges by grants, so it need not own the database.
        return
