"""A migrated database of its own for every test, and the service's API on it as its clients see it, at `/items`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from fastapi import FastAPI

from items.app import create_app
from items.service import service
from items.settings import Settings
from tenantry import Address, Database, Service
from tenantry.postgres.connect import connect
from tenantry.secrets import StaticSource
from tenantry.testing.scratch import ScratchDatabase
from tenantry.web.host import host


@pytest.fixture
def tenantry_service() -> Service:
    return service


@pytest.fixture
def address(tenantry_clone: ScratchDatabase) -> Address:
    """The superuser's address of a database at the newest revision."""
    return tenantry_clone.superuser


@pytest.fixture
async def superuser(address: Address) -> AsyncIterator[asyncpg.Connection]:
    """A plain connection that no toolkit watches."""
    connection = await connect(StaticSource(address), deadline=10, application_name="tests")
    try:
        yield connection
    finally:
        await connection.close()


@pytest.fixture
def settings(tenantry_clone: ScratchDatabase) -> Settings:
    found = tenantry_clone.settings
    assert isinstance(found, Settings)
    return found


@pytest.fixture
async def database(tenantry_database: Database) -> Database:
    """The service's database, opened as the application."""
    return tenantry_database


@pytest.fixture
async def application(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the whole process, which has the service at `/items`."""
    transport = httpx2.ASGITransport(host(application))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened
