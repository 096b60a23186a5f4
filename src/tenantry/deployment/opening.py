"""Load a project's services as deployments, check that each has its own database, and keep their server running."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from tenantry.deployment.deployment import Deployment, embedded_server
from tenantry.deployment.development import load_settings
from tenantry.deployment.separation import check_separate
from tenantry.project import Project
from tenantry.service import load_services

__all__ = ["load_deployments", "open_deployments"]


def load_deployments(project: Project, names: Sequence[str] = (), *, makes_secrets: bool = True) -> list[Deployment]:
    """Return the project's services, or those with the given names, each with its settings. This starts no server.

    Raises:
        ConfigurationError: the project has no such service, or a variable is missing or wrong.
    """
    server = None
    found = []
    for service in load_services(project, names):
        settings = load_settings(service, project, makes_secrets=makes_secrets)
        if settings.source("application") is None:
            # One server object for all, so that its programs are searched for once.
            server = server or embedded_server(project)
        found.append(Deployment(service, settings, server))
    return found


@contextmanager
def open_deployments(
    project: Project, names: Sequence[str] = (), *, needs_server: bool = True
) -> Iterator[list[Deployment]]:
    """Load the deployments, check that each has its own database, and keep the embedded server running meanwhile.

    `needs_server=False` starts no server, for a command that connects to another one. Do not call it in an event loop,
    because the check may ask a store of secrets.

    Raises:
        ConfigurationError: see `load_deployments`; or two services would share a database.
        ServerError: the embedded server does not start.
    """
    deployments = load_deployments(project, names)
    asyncio.run(check_separate(deployments))
    with ExitStack() as stack:
        embedded = next((one for one in deployments if one.is_embedded), None)
        if embedded is not None and needs_server:
            stack.enter_context(embedded.lease())
        yield deployments
