"""The state of the server, and of each service's database compared with the head of its migrations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations import head_revision
from tenantry.migrations.recorded import Edited, read_edited
from tenantry.postgres.probe import Probe, ProbeResult
from tenantry.postgres.remote import RemoteServer
from tenantry.postgres.roles import check_safe
from tenantry.postgres.server import ServerStatus
from tenantry.service import Service

__all__ = ["ProjectStatus", "ServerState", "ServiceState", "probe_service", "read_status"]

DEADLINE = 3.0


@dataclass(frozen=True, slots=True)
class ServerState:
    """The server as `status` shows it; None means unknown."""

    kind: str
    running: bool
    version: str | None
    pid: int | None
    data_directory: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One service; `problem` says why it is not ready. `edited` are applied revisions whose file was edited."""

    name: str
    database: str
    revision: str | None
    head: str | None
    ready: bool
    problem: str | None
    edited: tuple[Edited, ...] = ()


@dataclass(frozen=True, slots=True)
class ProjectStatus:
    """The result of `status`; `warnings` are about variables that no setting reads."""

    server: ServerState
    services: tuple[ServiceState, ...]
    warnings: tuple[str, ...] = ()


async def read_status(deployments: Sequence[Deployment]) -> ProjectStatus:
    """Ask the server and every service's database, concurrently. This starts no server."""
    # The services of one project share the embedded server. If no service uses it, show the first service's server.
    embedded = next((one.server for one in deployments if one.server is not None), None)
    shown = embedded or RemoteServer(await deployments[0].address())
    status = await asyncio.to_thread(shown.status)
    states = await asyncio.gather(*(_state(one, is_up=not one.is_embedded or status.running) for one in deployments))
    unknown = (variable for one in deployments for variable in one.settings.unknown_variables)
    # Services that share a prefix report the same variable.
    warnings = tuple(dict.fromkeys(f"{variable.message} {variable.remedy}" for variable in unknown))
    return ProjectStatus(server_state(status), tuple(states), warnings)


def server_state(status: ServerStatus) -> ServerState:
    """Return a server's status without secrets."""
    return ServerState(
        kind=status.kind,
        running=status.running,
        version=status.version,
        pid=status.pid,
        data_directory=str(status.data_directory) if status.data_directory else None,
        address=status.address.redacted if status.address else None,
    )


async def probe_service(deployment: Deployment) -> ProbeResult:
    """Ask a service's database in the application's role, over a separate connection."""
    endpoint = deployment.endpoint()
    probe = Probe(endpoint.source, role=endpoint.role, deadline=DEADLINE)
    try:
        return await probe.check()
    finally:
        await probe.close()


async def _state(deployment: Deployment, *, is_up: bool) -> ServiceState:
    service = deployment.service
    head, invalid = _head(service)
    database = service.database if deployment.is_embedded else (await deployment.address()).database
    if not is_up:
        problem = invalid or "The server is not running; start it with `tenantry up` or `tenantry prepare`."
        return ServiceState(service.name, database, None, head, ready=False, problem=problem)
    found = await probe_service(deployment)
    reason = invalid or _problem(found, head, service)
    edited = tuple(await read_edited(deployment)) if found.ok and found.revision and not invalid else ()
    return ServiceState(service.name, database, found.revision, head, not reason, reason, edited)


def _head(service: Service) -> tuple[str | None, str | None]:
    """Return the newest revision, or why it is unknown."""
    try:
        return head_revision(service), None
    except errors.RevisionsInvalid as error:
        return None, str(error)


def _problem(found: ProbeResult, head: str | None, service: Service) -> str | None:
    if not found.ok:
        return found.error
    if found.revision != head:
        at = f"at revision {found.revision}" if found.revision else "empty"
        return f"The schema is {at}, but this build needs {head}; run `tenantry migrate`."
    assert found.role is not None
    try:
        check_safe(found.role, service.roles)
    except errors.UnsafeRole as error:
        return str(error)
    return None
