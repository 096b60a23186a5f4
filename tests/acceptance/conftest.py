"""A migrated database of its own for every test of a service, and the service's application on it.

A service's folder says which service it is about: the fixture `tenantry_service`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI
from plain import connected

from tenantry import Address, Database, DatabaseSettings, Service
from tenantry.deployment import Deployment
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.service import import_attribute
from tenantry.testing import ScratchDatabase


@pytest.fixture
def address(tenantry_clone: ScratchDatabase) -> Address:
    """The superuser's address of a database at the newest revision."""
    return tenantry_clone.superuser


@pytest.fixture
async def superuser(address: Address) -> AsyncIterator[asyncpg.Connection]:
    """A connection that sees everything as it is stored."""
    async with connected(address) as connection:
        yield connection


@pytest.fixture
def settings(tenantry_clone: ScratchDatabase) -> DatabaseSettings:
    """The service's settings, each purpose with a login of its own."""
    return tenantry_clone.settings


@pytest.fixture
async def database(tenantry_database: Database) -> Database:
    """The service's database, opened as the application."""
    return tenantry_database


@pytest.fixture
async def application(tenantry_service: Service, settings: DatabaseSettings) -> AsyncIterator[FastAPI]:
    """The service's application, running."""
    module = tenantry_service.app.partition(":")[0]
    app: FastAPI = import_attribute(f"{module}:create_app")(Deployment(tenantry_service, settings))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def own_server(tmp_path: Path, binaries: Binaries) -> Iterator[EmbeddedServer]:
    """A PostgreSQL that this test may stop."""
    server = EmbeddedServer(tmp_path / "postgres", binaries, durable=False)
    with server.lease():
        yield server
        server.stop()


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """A client of services on ports."""
    async with httpx2.AsyncClient(timeout=10) as client:
        yield client
