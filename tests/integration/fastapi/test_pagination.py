"""Pages over a real table: together they are the listing, whatever happens in between."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import bookshop
import pytest
from bookshop_api import execute, settings_for
from sqlalchemy import Select, delete, insert, select, text
from sqlalchemy.dialects import postgresql

from tenantry import Address, Database
from tenantry.fastapi import Page, paginate

Book = bookshop.Book
COLUMNS = (Book.created_at, Book.id)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    async with bookshop.open_database(settings_for(shop_address)) as database:
        yield database


async def put_in(shop: Database, moments: list[datetime]) -> None:
    async with shop.tenant("acme") as session:
        author = bookshop.Author(name="Ada")
        session.add(author)
        await session.flush()
        rows = [{"title": f"{n}", "author_id": author.id, "created_at": one} for n, one in enumerate(moments)]
        await session.execute(insert(Book), rows)


async def read_page(shop: Database, limit: int, cursor: str | None, order: str = "desc") -> Page[str]:
    async with shop.tenant("acme", read_only=True) as session:
        return await paginate(
            session,
            select(Book),
            COLUMNS,
            limit=limit,
            cursor=cursor,
            convert=lambda book: str(book.id),
            order="asc" if order == "asc" else "desc",
        )


async def whole(shop: Database, order: str = "desc") -> list[str]:
    ordering = [column.asc() if order == "asc" else column.desc() for column in COLUMNS]
    async with shop.tenant("acme", read_only=True) as session:
        return [str(book.id) for book in await session.scalars(select(Book).order_by(*ordering))]


class Recording:
    """A session that remembers the statement it is given, its values written out, and goes no further."""

    sql = ""

    async def execute(self, statement: Select[Any]) -> None:
        dialect: Any = postgresql
        self.sql = str(statement.compile(dialect=dialect.dialect(), compile_kwargs={"literal_binds": True}))
        raise LookupError


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("moments", [1, 3, 40], ids=["all at once", "many at once", "one by one"])
@pytest.mark.parametrize("limit", [1, 7, 40, 100])
async def test_pages_together_are_the_listing(shop: Database, limit: int, moments: int, order: str) -> None:
    await put_in(shop, [START + timedelta(seconds=n % moments) for n in range(40)])
    seen: list[str] = []
    cursor = None
    while True:
        page = await read_page(shop, limit, cursor, order)
        assert len(page.items) <= limit
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == await whole(shop, order)


async def test_rows_that_come_or_go_meanwhile_move_no_other(shop: Database) -> None:
    """An offset would show a row twice for each insert before it, and skip one for each delete."""
    await put_in(shop, [START + timedelta(seconds=n // 3) for n in range(60)])
    before = await whole(shop)
    seen: list[str] = []
    cursor = None
    for number in range(100):
        page = await read_page(shop, 7, cursor)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        await put_in(shop, [START + timedelta(days=1, seconds=number), START - timedelta(days=1)])
        async with shop.tenant("acme") as session:
            await session.execute(delete(Book).where(Book.id == page.items[0]))
    assert [one for one in seen if one in before] == before
    assert len(seen) == len(set(seen))


async def test_a_page_at_the_end_has_no_next(shop: Database) -> None:
    await put_in(shop, [START] * 4)
    page = await read_page(shop, 4, None)
    assert (len(page.items), page.next_cursor) == (4, None)


async def test_an_empty_listing_is_one_empty_page(shop: Database) -> None:
    assert await read_page(shop, 10, None) == Page(items=[], next_cursor=None)


async def test_a_row_without_an_entity_is_given_whole(shop: Database) -> None:
    await put_in(shop, [START, START + timedelta(seconds=1)])
    async with shop.tenant("acme", read_only=True) as session:
        page = await paginate(session, select(Book.title, Book.pages), COLUMNS, limit=1, convert=tuple)
    assert page.items == [("1", 0)]
    assert page.next_cursor is not None


async def test_the_next_page_is_read_from_the_middle_of_an_index(shop: Database, shop_address: Address) -> None:
    """The row-value comparison is an index condition, and nothing is sorted."""
    await put_in(shop, [START + timedelta(seconds=n) for n in range(2000)])
    await execute(shop_address, "CREATE INDEX ON books (tenant_id, created_at, id)", "ANALYZE books")
    page = await read_page(shop, 1000, None)
    recording = Recording()
    with pytest.raises(LookupError):
        await paginate(recording, select(Book.id), COLUMNS, limit=10, cursor=page.next_cursor, convert=str)  # type: ignore[arg-type]
    statement = recording.sql.replace(":", r"\:")
    async with shop.tenant("acme", read_only=True) as session:
        found = await session.execute(text(f"EXPLAIN (FORMAT JSON) {statement}"))
        plan = json.dumps(found.scalar_one())
    assert "Index" in plan
    assert "ROW(" in plan
    assert '"Sort"' not in plan
    assert "Seq Scan" not in plan
