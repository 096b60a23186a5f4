"""A listing that is declared once: its shape, its order, and the filters that were asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import bookshop
import pytest
from bookshop import Author
from sqlalchemy import Select, insert, select

from tenantry import Address, Database
from tenantry.fastapi import Listing, PageRequest, Problem, ResponseBody, narrow

NAMES = ["Ada", "Alan", "Barbara", "Claude", "Grace"]


class Shown(ResponseBody):
    name: str


BY_NAME = Listing(Shown, (Author.name, Author.id), order="asc")
FROM_THE_END = Listing(Shown, (Author.name, Author.id))


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    async with bookshop.open_database(bookshop.settings_for(shop_address)) as database:
        async with database.tenant("acme") as session:
            await session.execute(insert(Author), [{"name": name, "email": f"{name}@acme"} for name in NAMES])
        yield database


async def read(shop: Database, listing: Listing[Shown], statement: Select[*tuple[Any, ...]] | None = None) -> list[str]:
    """Return the names on all pages, each of two."""
    names: list[str] = []
    cursor: str | None = None
    async with shop.tenant("acme", read_only=True) as session:
        while True:
            asked = PageRequest(limit=2, cursor=cursor)
            page = await listing.page(session, select(Author) if statement is None else statement, asked)
            names += [item.name for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return names


async def test_the_pages_follow_the_order_of_the_listing(shop: Database) -> None:
    """By default the largest comes first."""
    assert await read(shop, BY_NAME) == NAMES
    assert await read(shop, FROM_THE_END) == NAMES[::-1]


async def test_a_row_is_shown_in_the_shape_of_the_listing(shop: Database) -> None:
    async with shop.tenant("acme", read_only=True) as session:
        page = await BY_NAME.page(session, select(Author), PageRequest(limit=1))
    assert page.model_dump()["items"] == [{"name": "Ada"}]


async def test_a_cursor_of_another_listing_is_refused(shop: Database) -> None:
    other = Listing(Shown, (Author.email, Author.id))
    async with shop.tenant("acme", read_only=True) as session:
        page = await BY_NAME.page(session, select(Author), PageRequest(limit=1))
        with pytest.raises(Problem, match="cursor"):
            await other.page(session, select(Author), PageRequest(cursor=page.next_cursor))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({Author.name: None, Author.email: None}, NAMES),
        ({Author.name: "Ada", Author.email: None}, ["Ada"]),
        ({Author.name: "Ada", Author.email: "Alan@acme"}, []),
        ({Author.name: ""}, []),
    ],
)
async def test_a_listing_is_narrowed_by_what_was_asked_for(
    shop: Database, wanted: dict[Any, object], names: list[str]
) -> None:
    """What is None nobody asked for; an empty text somebody did."""
    assert await read(shop, BY_NAME, narrow(select(Author), wanted)) == names
