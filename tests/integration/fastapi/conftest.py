from __future__ import annotations

from collections.abc import AsyncIterator

import bookshop
import bookshop_api
import httpx2
import pytest

from tenantry import Address


@pytest.fixture
async def shop_address(empty_database: Address) -> Address:
    """A database with the bookshop's schema and a revision, as its superuser sees it."""
    await bookshop.build(empty_database)
    await bookshop_api.stamp(empty_database, bookshop_api.REVISION)
    return empty_database


@pytest.fixture
async def http(shop_address: Address) -> AsyncIterator[httpx2.AsyncClient]:
    """A client on the bookshop's application, running on a real database."""
    async with bookshop_api.started(bookshop_api.make_app(bookshop_api.settings_for(shop_address))) as opened:
        yield opened
