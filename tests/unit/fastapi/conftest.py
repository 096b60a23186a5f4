from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest

Client = Callable[[Any], AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def client() -> Client:
    """Return what opens a client on an ASGI application, which raises what the application lets through."""

    @asynccontextmanager
    async def open_client(app: Any) -> AsyncIterator[httpx2.AsyncClient]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as opened:
            yield opened

    return open_client
