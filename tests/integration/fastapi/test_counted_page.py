"""Pages by offset are the listing cut in pieces, and each says how long it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import bookshop
import pytest
from bookshop_api import settings_for
from sqlalchemy import insert, select

from tenantry import Address, Database
from tenantry.fastapi import CountedPage, CountedPageRequest, Problem, paginate_counted
from tenantry.fastapi.counted_pages import _counted_page_request

Author = bookshop.Author
COUNT = 23


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    async with bookshop.open_database(settings_for(shop_address)) as database:
        for tenant, count in (("acme", COUNT), ("globex", 2)):
            async with database.tenant(tenant) as session:
                await session.execute(insert(Author), [{"name": f"{number:02}"} for number in range(count)])
        yield database


async def read(shop: Database, *, limit: int = 5, offset: int = 0, cursor: str | None = None) -> CountedPage[str]:
    page = CountedPageRequest(limit=limit, offset=offset, cursor=cursor)
    async with shop.tenant("acme", read_only=True) as session:
        columns = [Author.name, Author.id]
        return await paginate_counted(session, select(Author), columns, page=page, convert=lambda author: author.name)


@pytest.mark.parametrize("limit", [1, 5, COUNT, COUNT + 1])
async def test_pages_by_offset_together_are_the_listing(shop: Database, limit: int) -> None:
    """The total counts the tenant's own rows, on every page."""
    pages = [await read(shop, limit=limit, offset=offset) for offset in range(0, COUNT, limit)]
    assert [name for page in pages for name in page.items] == [f"{number:02}" for number in range(COUNT)][::-1]
    assert {page.total for page in pages} == {COUNT}
    assert pages[-1].next_cursor is None


async def test_a_page_behind_the_end_is_empty_and_still_counts(shop: Database) -> None:
    assert await read(shop, offset=COUNT) == CountedPage(items=[], total=COUNT, next_cursor=None)


async def test_from_a_page_by_offset_a_cursor_leads_on(shop: Database) -> None:
    first = await read(shop, offset=7)
    second = await read(shop, cursor=first.next_cursor)
    assert second.items == (await read(shop, offset=12)).items


def test_a_page_is_asked_for_in_one_way() -> None:
    with pytest.raises(Problem) as caught:
        _counted_page_request(cursor="x", offset=1)
    assert (caught.value.answer.status, caught.value.answer.code) == (422, "page_ambiguous")
    assert _counted_page_request(cursor="x", offset=0).cursor == "x"
