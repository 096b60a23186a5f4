"""The people who come in through the service's API, each test with a database of its own."""

from __future__ import annotations

import httpx2
import pytest
from coaching import HILLTOP, Door, Person
from fastapi import FastAPI

from plc_coach.service import service
from plc_coach.settings import Settings
from tenantry import Service
from tenantry.testing import Administrator


@pytest.fixture(scope="session")
def needs_vector(tenantry_administrator: Administrator) -> None:
    """PostgreSQL as Debian has it is without pgvector; what it says then is in test_extension.py."""
    if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("needs the extension vector, which this server does not have")


@pytest.fixture
def tenantry_service(needs_vector: None) -> Service:
    return service


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
