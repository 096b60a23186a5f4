"""The people who come in through the service's API, each test with a database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from accounts_api import CHEAP, Door, Person
from fastapi import FastAPI

from accounts.service import service
from tenantry import Service


@pytest.fixture
def tenantry_service() -> Service:
    return service


@pytest.fixture
def tenantry_settings_overrides() -> Mapping[str, Any]:
    return CHEAP


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
