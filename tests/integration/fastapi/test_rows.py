"""One row at a time: found or 404, added, changed, and written whether or not it is there."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import bookshop
import pytest
from bookshop import Author
from sqlalchemy import func, select

from tenantry import Address, Database
from tenantry.fastapi import Problem
from tenantry.fastapi.rows import add, change, find, not_found, present, put

EMAIL = "ada@acme.example"


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    async with bookshop.open_database(bookshop.settings_for(shop_address)) as database:
        yield database


async def test_what_is_added_has_what_the_database_fills_in(shop: Database) -> None:
    """And what it refuses is refused there, not at the commit."""
    async with shop.tenant("acme") as session:
        author = await add(session, Author(name="Ada"))
        assert isinstance(author.id, uuid.UUID)


async def test_a_row_that_is_there_is_found(shop: Database) -> None:
    async with shop.tenant("acme") as session:
        author = await add(session, Author(name="Ada"))
    async with shop.tenant("acme", read_only=True) as reading:
        found = await find(reading, select(Author).where(Author.id == author.id), "author")
    assert (found.id, found.name) == (author.id, "Ada")


async def test_another_tenants_row_and_none_are_one_answer(shop: Database) -> None:
    async with shop.tenant("globex") as session:
        author = await add(session, Author(name="Grace"))
    answers = []
    for wanted in (author.id, uuid.uuid4()):
        with pytest.raises(Problem) as caught:
            async with shop.tenant("acme") as session:
                await find(session, select(Author).where(Author.id == wanted), "author")
        answers.append(caught.value.answer)
    assert answers[0] == answers[1]
    assert (answers[0].status, answers[0].code) == (404, "author_not_found")


def test_what_is_present_is_returned_as_it_is() -> None:
    assert present("", "text") == ""
    with pytest.raises(Problem):
        present(None, "text")
    assert not_found("text").answer.detail == "This text does not exist."


async def test_a_change_is_sent_at_once(shop: Database) -> None:
    """The rest of the row stays."""
    async with shop.tenant("acme") as session:
        author = await add(session, Author(name="Ada", email=EMAIL))
        assert await change(session, author, {"name": "Ada Lovelace"}) is author
        stored = await session.execute(select(Author.name, Author.email).where(Author.id == author.id))
    assert tuple(stored.one()) == ("Ada Lovelace", EMAIL)


async def test_a_row_is_put_whether_or_not_it_is_there(shop: Database) -> None:
    """The second time its values are replaced, its key and its other columns stay."""
    async with shop.tenant("acme") as session:
        first = await put(session, Author, ["email"], {"email": EMAIL}, {"name": "Ada"})
        key = first.id
        second = await put(session, Author, ["email"], {"email": EMAIL, "id": uuid.uuid4()}, {"name": "Ada L."})
        # The object that the session held already tells what is stored now.
        assert (second.id, first.name) == (key, "Ada L.")
        assert await session.scalar(select(func.count()).select_from(Author)) == 1
