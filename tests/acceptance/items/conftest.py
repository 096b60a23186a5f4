"""The service as its clients see it, at `/items`."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from items.service import service
from tenantry import Service
from tenantry.fastapi import host


@pytest.fixture
def tenantry_service() -> Service:
    return service


@pytest.fixture
async def client(application: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the whole process, which has the service at `/items`."""
    transport = httpx2.ASGITransport(host(application))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service") as opened:
        yield opened
