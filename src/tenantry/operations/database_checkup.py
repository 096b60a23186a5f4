"""What `doctor` asks a service's database, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from alembic.util import CommandError

from tenantry import errors
from tenantry.migrations import head_revision
from tenantry.operations.verdict import Verdict, failed
from tenantry.postgres.connect import connect
from tenantry.postgres.roles import RoleFacts, check_safe, fetch_role
from tenantry.postgres.server import Server
from tenantry.proof.audit.server import FLOORS
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.database import ADMIN_MAX_OVERFLOW, ADMIN_POOL_SIZE

__all__ = ["Asked", "ask_database", "check_connections", "check_database"]

DEADLINE = 5.0

# Readiness asks over a connection that is in no pool.
PROBE_CONNECTIONS = 1

_FACTS = """
SELECT current_setting('server_version_num')::integer AS version,
       current_setting('max_connections')::integer
           - current_setting('superuser_reserved_connections')::integer AS connections,
       to_regclass('alembic_version') IS NOT NULL AS is_migrated
"""
_EXTENSIONS = """
SELECT name::text, default_version, installed_version FROM pg_available_extensions WHERE name = ANY ($1::text[])
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A service's database and its answers."""

    service: Service
    settings: DatabaseSettings
    address: str
    server: str
    version: int
    connections: int
    role: RoleFacts
    revision: str | None
    extensions: dict[str, tuple[str, str | None]]


async def ask_database(service: Service, settings: DatabaseSettings, server: Server | None) -> Asked:
    """Ask the service's database in the application's role.

    Raises:
        DatabaseUnavailable: nobody answers at the address.
    """
    endpoint = service.endpoint("application", settings, server)
    connection = await connect(
        endpoint.source, role=endpoint.role, deadline=DEADLINE, patience=0, application_name="tenantry doctor"
    )
    try:
        async with connection.as_configured():
            facts = await connection.fetchrow(_FACTS)
            revision = None
            if facts["is_migrated"]:
                revision = await connection.fetchval("SELECT string_agg(version_num, ', ') FROM alembic_version")
            rows = await connection.fetch(_EXTENSIONS, list(service.extensions))
            role = await fetch_role(connection)
        address = await endpoint.source.current()
        return Asked(
            service=service,
            settings=settings,
            address=address.redacted,
            server=", ".join(f"{host.name}:{host.port}" for host in address.hosts),
            version=facts["version"],
            connections=facts["connections"],
            role=role,
            revision=revision,
            extensions={row["name"]: (row["default_version"], row["installed_version"]) for row in rows},
        )
    finally:
        await connection.close()


def check_database(asked: Asked) -> Iterator[Verdict]:
    """Yield what the answers mean."""
    name = asked.service.name
    yield Verdict("address", name, "ok", asked.address)
    major, minor = divmod(asked.version, 10000)
    floor = FLOORS.get(major, 0)
    if minor < floor:
        message = f"PostgreSQL {major}.{minor} has known holes in row security."
        yield Verdict("server", name, "warn", message, f"Update to {major}.{floor} or later.")
    else:
        yield Verdict("server", name, "ok", f"PostgreSQL {major}.{minor}")
    yield from _check_extensions(asked)
    yield from _check_role(asked)
    yield _check_revision(asked)


def check_connections(answers: Sequence[Asked]) -> Iterator[Verdict]:
    """Yield, for each server, whether one process of every service there fits into its connections."""
    for place in dict.fromkeys(asked.server for asked in answers):
        there = [asked for asked in answers if asked.server == place]
        wanted = sum(
            asked.settings.database_pool_size
            + asked.settings.database_max_overflow
            + ADMIN_POOL_SIZE
            + ADMIN_MAX_OVERFLOW
            + PROBE_CONNECTIONS
            for asked in there
        )
        allowed = min(asked.connections for asked in there)
        message = f"One process of each service opens up to {wanted} of {allowed} connections"
        if wanted > allowed:
            remedy = "Raise max_connections, or lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW."
            yield Verdict("connections", None, "fail", f"{message}.", remedy)
        else:
            fits = allowed // wanted
            yield Verdict("connections", None, "ok", f"{message}; {fits} process{'es' if fits > 1 else ''} fit.")


def _check_extensions(asked: Asked) -> Iterator[Verdict]:
    for extension in asked.service.extensions:
        available, installed = asked.extensions.get(extension, (None, None))
        if available is None:
            message = f"The server has no files of the extension {extension}."
            yield Verdict("extension", asked.service.name, "fail", message, "Install its package beside PostgreSQL.")
        elif installed is None:
            message = f"The extension {extension} {available} is not installed in this database."
            yield Verdict("extension", asked.service.name, "fail", message, "Run: tenantry migrate")
        elif installed != available:
            message = f"{extension} is {installed}, and the server has {available}."
            remedy = f'ALTER EXTENSION "{extension}" UPDATE;'
            yield Verdict("extension", asked.service.name, "warn", message, remedy)
        else:
            yield Verdict("extension", asked.service.name, "ok", f"{extension} {installed}")


def _check_role(asked: Asked) -> Iterator[Verdict]:
    try:
        weaknesses = check_safe(asked.role, asked.service.roles)
    except errors.UnsafeRole as error:
        yield failed("role", asked.service.name, error)
        return
    for weakness in weaknesses:
        remedy = f"Give {asked.service.roles.application} a login of its own, and others their own addresses."
        yield Verdict("role", asked.service.name, "warn", weakness, remedy)
    if not weaknesses:
        yield Verdict("role", asked.service.name, "ok", f"{asked.role.name}, held by row security")


def _check_revision(asked: Asked) -> Verdict:
    name = asked.service.name
    try:
        head = head_revision(asked.service)
    except CommandError as error:
        remedy = "Merge the heads into one: alembic merge heads"
        return Verdict("schema", name, "fail", f"The migrations have no single head: {error}", remedy)
    if asked.revision != head:
        at = f"at revision {asked.revision}" if asked.revision else "empty"
        message = f"The schema is {at}, and this build expects {head}."
        return Verdict("schema", name, "fail", message, "Run: tenantry migrate")
    return Verdict("schema", name, "ok", f"at revision {head}, as this build expects")
