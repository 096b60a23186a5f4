"""Serve all services of a project on one port, with example requests."""

from __future__ import annotations

import importlib
import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.fastapi.allowed_hosts import LOOPBACK
from tenantry.fastapi.hosting import host as host_apps
from tenantry.fastapi.serve import bind, serve
from tenantry.fastapi.settings import WebSettings
from tenantry.service import Service, import_attribute

__all__ = ["Example", "Guide", "ServiceGuide", "check_port", "make_guide", "seed", "serve_all"]


@dataclass(frozen=True, slots=True)
class Example:
    """An example request."""

    title: str
    command: str


@dataclass(frozen=True, slots=True)
class ServiceGuide:
    """The URLs of one service, and its example requests."""

    name: str
    title: str
    url: str
    docs: str
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Guide:
    """The URL of all services, and each service's guide."""

    url: str
    services: tuple[ServiceGuide, ...]


def check_port(host: str, port: int) -> None:
    """Find out early whether the port is free.

    Raises:
        PortInUse: another program listens there.
    """
    bind(host, port).close()


async def seed(deployment: Deployment) -> None:
    """Insert the service's demonstration rows, where they are not there yet."""
    async with deployment.database() as database:
        await import_attribute(deployment.service.demo)(database)


def make_guide(deployments: Sequence[Deployment], url: str, *, with_demo: bool) -> Guide:
    """Return the URLs and examples. A service's demo module may define `examples(settings, url)`."""
    guides = []
    for one in deployments:
        service = one.service
        place = url + service.path
        offered: tuple[Example, ...] = ()
        if with_demo and service.demo and one.is_embedded:
            examples = getattr(importlib.import_module(service.demo.partition(":")[0]), "examples", None)
            texts = examples(one.settings, place) if examples is not None else ()
            offered = tuple(Example(title, command) for title, command in texts)
        guides.append(ServiceGuide(service.name, service.title, place, f"{place}/docs", offered))
    return Guide(url, tuple(guides))


def serve_all(services: Sequence[Service], host: str, port: int, on_ready: Callable[[], None]) -> int:
    """Serve until a signal arrives, and return the exit status. `on_ready` is called when requests are accepted."""
    for service in services:
        if not service.app:
            raise errors.ConfigurationError(
                f"The service {service.name!r} has no application to serve.",
                why="Its declaration gives neither `base` nor `app`.",
                remedy='Give Service(..., app="package.module:app"), or pick other services with --service.',
            )
    apps = [import_attribute(service.app) for service in services]
    # No load balancer is in front of a development server, so a drain period is not needed. A page in the developer's
    # browser must not reach the services by a name of its own (DNS rebinding).
    allowed = LOOPBACK if ipaddress.ip_address(host).is_loopback else "*"
    settings = WebSettings(drain_grace=0, log_format="text", allowed_hosts=allowed)
    return serve(host_apps(*apps, settings=settings), port=port, address=host, on_ready=on_ready)
