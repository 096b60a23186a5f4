"""A migrated database of its own for every test, and the service's API on it as its clients see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from coaching import HILLTOP, Door, Person, connected
from fastapi import FastAPI

from plc_coach.app import create_app
from plc_coach.service import service
from plc_coach.settings import Settings
from tenantry import Address, Database, Service
from tenantry.testing.administrator import Administrator
from tenantry.testing.scratch import ScratchDatabase


@pytest.fixture(scope="session")
def needs_vector(tenantry_administrator: Administrator) -> None:
    """PostgreSQL as Debian has it is without pgvector; what it says then is in test_extension.py."""
    if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("needs the extension vector, which this server does not have")


@pytest.fixture
def tenantry_service(needs_vector: None) -> Service:
    return service


@pytest.fixture
def address(tenantry_clone: ScratchDatabase) -> Address:
    """The superuser's address of a database at the newest revision."""
    return tenantry_clone.superuser


@pytest.fixture
async def superuser(address: Address) -> AsyncIterator[asyncpg.Connection]:
    async with connected(address) as connection:
        yield connection


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
def door(application: FastAPI, settings: Settings) -> Door:
    return Door(httpx2.ASGITransport(application), settings)


@pytest.fixture
def nobody(door: Door) -> httpx2.AsyncClient:
    return door.client()


@pytest.fixture
async def ravi(door: Door) -> Person:
    """An educator of Riverside."""
    return await door.sign_in("ravi")


@pytest.fixture
async def rosa(door: Door) -> Person:
    """A coach of Riverside."""
    return await door.sign_in("rosa", role="coach")


@pytest.fixture
async def ruth(door: Door) -> Person:
    """An admin of Riverside."""
    return await door.sign_in("ruth", role="admin")


@pytest.fixture
async def hana(door: Door) -> Person:
    """An admin of Hilltop: as much as another organisation can be."""
    return await door.sign_in("hana", HILLTOP, role="admin")
