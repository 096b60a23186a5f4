"""A migrated database of its own for every test, and the service's API on it as its clients see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import httpx2
import pytest
from accounts_api import CHEAP, Door, Person, connected
from fastapi import FastAPI

from accounts.app import create_app
from accounts.service import service
from accounts.settings import Settings
from tenantry import Address, Database, Service
from tenantry.testing.scratch import ScratchDatabase


@pytest.fixture
def tenantry_service() -> Service:
    return service


@pytest.fixture
def tenantry_settings_overrides() -> Mapping[str, Any]:
    return CHEAP


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
def door(application: FastAPI) -> Door:
    return Door(httpx2.ASGITransport(application))


@pytest.fixture
def nobody(door: Door) -> httpx2.AsyncClient:
    return door.client()


@pytest.fixture
async def ada(door: Door) -> Person:
    """Acme's administrator."""
    return await door.sign_up("acme")


@pytest.fixture
async def grace(door: Door) -> Person:
    """Globex's administrator."""
    return await door.sign_up("globex", "grace")
