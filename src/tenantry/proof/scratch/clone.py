"""The scratch database of a proof, as similar to the service's own as possible, and the settings that point at it.

The invariant: an attack never reaches the service's own database. Before anything is attacked, every login is checked
to reach the scratch database and no other.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg

from tenantry import errors
from tenantry.address import Address
from tenantry.deployment import Deployment
from tenantry.deployment.roles import ensure_service_roles
from tenantry.migrations import migrate
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.roles import ensure_owner
from tenantry.postgres.statements import load_statements
from tenantry.project import Project
from tenantry.proof.scratch.database_settings import create_empty, make_alike
from tenantry.proof.scratch.logins import make_logins
from tenantry.proof.scratch.reservation import Scratch, log_in, open_scratch
from tenantry.proof.scratch.schema_copy import copy_schema
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.sql import identifier

__all__ = ["Clone", "Origin", "open_clone", "point_at"]

Origin = Literal["template", "schema", "migrations"]

# CREATE DATABASE ... TEMPLATE copies every row, and blocks logins to the original meanwhile. So only a small database
# is copied in this way.
LARGEST_TEMPLATE = 64 * 2**20

# Every other setting that can name a database.
_ELSEWHERE = (
    *("database_url", "migration_database_url", "admin_database_url", "database_url_file", "database_secret"),
    *("db_host", "db_name", "db_user", "db_password", "database_sslmode", "database_sslrootcert"),
)
_URLS: Mapping[Purpose, str] = {
    "application": "database_url",
    "migration": "migration_database_url",
    "admin": "admin_database_url",
}


@dataclass(frozen=True, slots=True)
class Clone:
    """A scratch database with the service's schema, and a deployment whose addresses all point at it.

    Attributes:
        original: the database whose schema was copied. A restored dump may print an expression differently.
    """

    name: str
    deployment: Deployment
    origin: Origin
    original: Address


def point_at(settings: DatabaseSettings, addresses: Mapping[Purpose, Address]) -> DatabaseSettings:
    """Return a copy of the settings in which only these addresses name the database."""
    changes: dict[str, Any] = dict.fromkeys(_ELSEWHERE)
    changes |= {_URLS[purpose]: address.url for purpose, address in addresses.items()}
    # Otherwise the log would have a line for each of ten thousand attacks.
    return settings.model_copy(update={**changes, "database_echo": False})


@asynccontextmanager
async def open_clone(
    deployment: Deployment,
    project: Project,
    *,
    database_url: str = "",
    from_migrations: bool = False,
    tell: Callable[[str], None] = lambda _step: None,
) -> AsyncIterator[Clone]:
    """Make the scratch database on the server of the service's own, or of `database_url`; drop it at the end.

    Raises:
        ConfigurationError: the login lacks a privilege for that.
        DatabaseUnavailable: no server answers.
    """
    service = deployment.service
    addresses = await _addresses(deployment, database_url)
    source = addresses.get("migration", addresses["application"])
    async with open_scratch(source, service.name, tell) as scratch:
        if database_url:
            addresses = await make_logins(scratch, service.roles, addresses)
        moved = {purpose: _scratch_address(address, scratch.name) for purpose, address in addresses.items()}
        copy = Deployment(service, point_at(deployment.settings, moved))
        if from_migrations:
            origin: Origin = "migrations"
            await create_empty(scratch, None)
            async with copy.connect("migration", "proof", in_role=False) as connection:
                await ensure_service_roles(copy, connection)
            await migrate(copy)
        else:
            origin = await _copy(service, source, scratch, project)
            await make_alike(scratch, source.database, tell)
        tell(f"scratch database {scratch.name} made, by {_HOW[origin]}")
        await _check_scratch(copy, scratch)
        yield Clone(scratch.name, copy, origin, scratch.address if from_migrations else source)


_HOW: Mapping[Origin, str] = {
    "template": "a copy of the whole database",
    "schema": "a copy of the schema",
    "migrations": "the migrations",
}

_STATEMENTS = load_statements("tenantry.proof.scratch", "clone.sql")


async def _addresses(deployment: Deployment, database_url: str) -> dict[Purpose, Address]:
    """Return the login of each purpose that has its own."""
    if database_url:
        return {"application": Address.parse(database_url, variable="--database-url")}
    found: dict[Purpose, Address] = {}
    for purpose in ("application", "migration", "admin"):
        # A purpose that uses the application's login and SET ROLE does so in the clone too.
        if deployment.is_embedded or deployment.settings.is_separate(purpose):
            found[purpose] = await deployment.address(purpose)
    return found


def _scratch_address(address: Address, name: str) -> Address:
    # A standby may not have the new database yet.
    wanted = "read-write" if len(address.hosts) > 1 else address.target_session_attrs
    return address.replace(database=name, target_session_attrs=wanted)


async def _copy(service: Service, source: Address, scratch: Scratch, project: Project) -> Origin:
    facts = await scratch.keeper.fetchrow(_STATEMENTS["source"], source.database)
    if facts is None:
        raise errors.ConfigurationError(
            f"The database {source.database} does not exist.",
            remedy=f"Run: tenantry prepare --service {service.name}. Or prove the migrations with --from-migrations.",
        )
    is_small = facts["size"] is not None and facts["size"] <= LARGEST_TEMPLATE
    if is_small and not facts["is_in_use"] and await _copy_whole(scratch, source.database):
        return "template"
    await create_empty(scratch, facts)
    if not scratch.is_superuser:
        connection = await log_in(scratch.address)
        try:
            await ensure_owner(connection, service.roles)
        finally:
            await connection.close()
    await copy_schema(service, source, scratch, project)
    return "schema"


async def _copy_whole(scratch: Scratch, template: str) -> bool:
    """Return whether the copy was made. It is not if a session connected, or the login may not copy the database."""
    statement = f"CREATE DATABASE {identifier(scratch.name)} TEMPLATE {identifier(template)}"
    try:
        await scratch.keeper.execute(statement)
    except (asyncpg.ObjectInUseError, asyncpg.InsufficientPrivilegeError):
        return False
    return True


async def _check_scratch(copy: Deployment, scratch: Scratch) -> None:
    """Log in for every purpose, and check that each login reaches the scratch database.

    A pooler may map all names to one database, and a login may be routed to another server.

    Raises:
        ConfigurationError: a login reaches another database.
    """
    oid = await scratch.keeper.fetchval("SELECT oid FROM pg_database WHERE datname = $1", scratch.name)
    for purpose in _URLS:
        endpoint = copy.endpoint(purpose)
        address = await endpoint.source.current()
        connection = await log_in(address, endpoint.role)
        try:
            there = await connection.fetchrow(
                "SELECT oid, datname::text AS name FROM pg_database WHERE datname = current_database()"
            )
        finally:
            await connection.close()
        if (there["oid"], there["name"]) != (oid, scratch.name):
            raise errors.ConfigurationError(
                f"Nothing was attacked: {address.redacted} leads to the database {there['name']}.",
                why="This is not the scratch database of the proof.",
                remedy="Give the address of the server itself, without a pooler, with --database-url.",
            )
