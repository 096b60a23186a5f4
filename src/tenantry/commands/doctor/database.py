"""The checks of `doctor` on a service's database: server version, extensions, role, revision, connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tenantry import errors
from tenantry.commands.doctor.verdict import Verdict, failed
from tenantry.deployment import Deployment
from tenantry.migrations import script_directory
from tenantry.migrations.folder import only_head
from tenantry.migrations.recorded import describe_edited, find_edited, recorded_query
from tenantry.postgres.roles import RoleFacts, check_safe, fetch_role
from tenantry.proof.audit.server import FLOORS
from tenantry.tenancy.database import ADMIN_MAX_OVERFLOW, ADMIN_POOL_SIZE

__all__ = ["DatabaseAnswers", "ask_database", "check_connections", "check_database"]

DEADLINE = 5.0

# The readiness probe has a connection outside the pool.
PROBE_CONNECTIONS = 1

_FACTS = """
SELECT current_setting('server_version_num')::integer AS version,
       current_setting('max_connections')::integer
           - current_setting('superuser_reserved_connections')::integer AS connections,
       coalesce(has_table_privilege(to_regclass('alembic_version'), 'SELECT'), false) AS is_migrated
"""
_EXTENSIONS = """
SELECT name::text, default_version, installed_version FROM pg_available_extensions WHERE name = ANY ($1::text[])
"""


@dataclass(frozen=True, slots=True)
class DatabaseAnswers:
    """A service's database and its answers."""

    deployment: Deployment
    address: str
    server: str
    version: int
    connections: int
    role: RoleFacts
    revision: str | None
    checksums: Mapping[str, str]
    extensions: dict[str, tuple[str, str | None]]


async def ask_database(deployment: Deployment) -> DatabaseAnswers:
    """Ask the service's database in the application's role.

    Raises:
        DatabaseUnavailable: no server answers at the address.
    """
    async with (
        deployment.connect("application", "doctor", deadline=DEADLINE) as connection,
        connection.as_configured(),
    ):
        facts = await connection.fetchrow(_FACTS)
        revision, checksums = None, {}
        if facts["is_migrated"]:
            revision = await connection.fetchval("SELECT string_agg(version_num, ', ') FROM alembic_version")
            checksums = {row["key"]: row["value"] for row in await connection.fetch(recorded_query())}
        rows = await connection.fetch(_EXTENSIONS, list(deployment.service.extensions))
        address = await deployment.address()
        role = await fetch_role(connection)
        return DatabaseAnswers(
            deployment=deployment,
            address=address.redacted,
            server=", ".join(f"{host.name}:{host.port}" for host in address.hosts),
            version=facts["version"],
            connections=facts["connections"],
            role=role,
            revision=revision,
            checksums=checksums,
            extensions={row["name"]: (row["default_version"], row["installed_version"]) for row in rows},
        )


def check_database(asked: DatabaseAnswers) -> Iterator[Verdict]:
    """Yield the verdicts on one service's database."""
    name = asked.deployment.name
    yield Verdict("address", name, "ok", asked.address)
    major, minor = divmod(asked.version, 10000)
    floor = FLOORS.get(major, 0)
    if minor < floor:
        message = f"PostgreSQL {major}.{minor} has known security bugs in row security."
        yield Verdict("server", name, "warn", message, f"Update to PostgreSQL {major}.{floor} or later.")
    else:
        yield Verdict("server", name, "ok", f"PostgreSQL {major}.{minor}")
    yield from _check_extensions(asked)
    yield from _check_role(asked)
    yield from _check_revision(asked)


def check_connections(answers: Sequence[DatabaseAnswers]) -> Iterator[Verdict]:
    """Yield a verdict for each server: does `max_connections` allow one process of every service?"""
    for place in dict.fromkeys(asked.server for asked in answers):
        there = [asked for asked in answers if asked.server == place]
        wanted = sum(
            asked.deployment.settings.database_pool_size
            + asked.deployment.settings.database_max_overflow
            + ADMIN_POOL_SIZE
            + ADMIN_MAX_OVERFLOW
            + PROBE_CONNECTIONS
            for asked in there
        )
        allowed = min(asked.connections for asked in there)
        message = f"One process of each service opens up to {wanted} of {allowed} allowed connections"
        if wanted > allowed:
            remedy = "Raise max_connections, or lower DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW."
            yield Verdict("connections", None, "fail", f"{message}.", remedy)
        else:
            fits = allowed // wanted
            verb = "processes fit" if fits > 1 else "process fits"
            yield Verdict("connections", None, "ok", f"{message}; {fits} {verb}.")


def _check_extensions(asked: DatabaseAnswers) -> Iterator[Verdict]:
    for extension in asked.deployment.service.extensions:
        available, installed = asked.extensions.get(extension, (None, None))
        if available is None:
            message = f"The server has no files of the extension {extension}."
            remedy = "Install the extension's package on the database's host."
            yield Verdict("extension", asked.deployment.name, "fail", message, remedy)
        elif installed is None:
            message = f"The extension {extension} {available} is not installed in this database."
            yield Verdict("extension", asked.deployment.name, "fail", message, "Run: tenantry migrate")
        elif installed != available:
            message = f"The extension {extension} has version {installed}, and the server has {available}."
            remedy = f'Run as its owner: ALTER EXTENSION "{extension}" UPDATE;'
            yield Verdict("extension", asked.deployment.name, "warn", message, remedy)
        else:
            yield Verdict("extension", asked.deployment.name, "ok", f"{extension} {installed}")


def _check_role(asked: DatabaseAnswers) -> Iterator[Verdict]:
    try:
        weaknesses = check_safe(asked.role, asked.deployment.service.roles)
    except errors.UnsafeRole as error:
        yield failed("role", asked.deployment.name, error)
        return
    for weakness in weaknesses:
        application = asked.deployment.service.roles.application
        remedy = f"Log in as {application}, and set separate addresses for migrations and admin."
        yield Verdict("role", asked.deployment.name, "warn", weakness, remedy)
    if not weaknesses:
        yield Verdict("role", asked.deployment.name, "ok", f"Row security applies to {asked.role.name}.")


def _check_revision(asked: DatabaseAnswers) -> Iterator[Verdict]:
    service = asked.deployment.service
    try:
        scripts = script_directory(service)
        head = only_head(service, scripts)
    except errors.RevisionsInvalid as error:
        yield failed("schema", service.name, error)
        return
    if asked.revision != head:
        at = f"at revision {asked.revision}" if asked.revision else "empty"
        message = f"The schema is {at}, but this build needs {head}."
        yield Verdict("schema", service.name, "fail", message, f"Run: tenantry migrate --service {service.name}")
    else:
        message = f"The schema is at revision {head}, which this build needs."
        yield Verdict("schema", service.name, "ok", message)
    for edited in find_edited(scripts, asked.checksums):
        what, remedy = describe_edited(edited, service)
        yield Verdict("revisions", service.name, "warn", what, remedy)
