"""A migrated database of its own for every test, and the service's API on it as its clients see it.

The code under test logs in as the application's role. One database a run is migrated; each test gets a copy of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack

import httpx2
import pytest
from fastapi import FastAPI
from servicedesk import settings_for

from ai_agents.service import service
from ai_agents.settings import Settings
from tenantry import Address, Database, Service
from tenantry.deployment import Deployment
from tenantry.fastapi import issue_token
from tenantry.testing import Cluster


@pytest.fixture
def tenantry_service() -> Service:
    return service


@pytest.fixture(scope="session")
def template(tenantry_cluster: Cluster) -> str:
    """The name of a migrated database, to be copied and never connected to."""
    return tenantry_cluster.template(service, {})


@pytest.fixture
def address(tenantry_cluster: Cluster, template: str) -> Iterator[Address]:
    """The superuser's address of a database at the newest revision."""
    with tenantry_cluster.scratch(service, {}, template) as scratch:
        yield scratch.superuser


@pytest.fixture(scope="module")
def shared_address(tenantry_cluster: Cluster, template: str) -> Iterator[Address]:
    """The same, for tests that share one running service."""
    with tenantry_cluster.scratch(service, {}, template) as scratch:
        yield scratch.superuser


@pytest.fixture
def settings(address: Address) -> Settings:
    return settings_for(address)


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    async with Deployment(service, settings).database() as opened:
        yield opened


@pytest.fixture
async def speak(application: FastAPI, settings: Settings) -> AsyncIterator[Callable[..., httpx2.AsyncClient]]:
    """Makes a client of the API that speaks for a tenant, with scopes, or for nobody."""
    async with AsyncExitStack() as stack:

        def make(tenant: str | None = None, *scopes: str) -> httpx2.AsyncClient:
            token = None if tenant is None else issue_token(settings, "tester", tenant, scopes)
            made = httpx2.AsyncClient(
                transport=httpx2.ASGITransport(application),
                base_url="http://service",
                headers={} if token is None else {"Authorization": f"Bearer {token}"},
            )
            stack.push_async_callback(made.aclose)
            return made

        yield make


@pytest.fixture
def nobody(speak: Callable[..., httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return speak()


@pytest.fixture
def acme(speak: Callable[..., httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return speak("acme", "admin")


@pytest.fixture
def globex(speak: Callable[..., httpx2.AsyncClient]) -> httpx2.AsyncClient:
    return speak("globex", "admin")
