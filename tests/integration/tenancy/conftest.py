from __future__ import annotations

from collections.abc import AsyncIterator

import bookshop
import pytest

from tenantry import Address, Database


@pytest.fixture
async def shop_address(empty_database: Address) -> Address:
    """A database with the bookshop's schema, as its superuser sees it."""
    await bookshop.build(empty_database)
    return empty_database


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    """The bookshop's database, opened as the application."""
    async with bookshop.open_database(bookshop.settings_for(shop_address)) as database:
        yield database
