"""A row that is read by a link: by everybody who knows the token, for as long as it is shared."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest
from members_api import Club, Note, open_clubhouse
from sqlalchemy import select

from tenantry import Address
from tenantry.fastapi.rows import add


@pytest.fixture
async def club(empty_database: Address) -> AsyncIterator[Club]:
    async with open_clubhouse(empty_database) as database:
        for tenant in ("acme", "globex"):
            async with database.tenant(tenant) as session:
                await add(session, Note(content=f"a note of {tenant}"))
        yield Club(database)


async def share(club: Club, tenant: str = "acme") -> str:
    async with club.database.tenant(tenant) as session:
        return (await session.scalars(select(Note))).one().share()


async def unshare(club: Club) -> None:
    async with club.database.tenant("acme") as session:
        (await session.scalars(select(Note))).one().unshare()


async def read(club: Club, token: str) -> httpx2.Response:
    return await club.http().get(f"/notes/{token}")


async def test_whoever_knows_the_token_reads_the_row(club: Club) -> None:
    """Without a credential; each token its own tenant's."""
    for tenant in ("acme", "globex"):
        answer = await read(club, await share(club, tenant))
        assert (answer.status_code, answer.json()) == (200, f"a note of {tenant}")


async def test_a_token_stays_the_same_while_the_row_is_shared(club: Club) -> None:
    assert await share(club) == await share(club)


async def test_a_token_that_is_switched_off_and_one_that_never_was_are_one_answer(club: Club) -> None:
    token = await share(club)
    await unshare(club)
    answers = [await read(club, one) for one in (token, "x" * 43)]
    said = [{**answer.json(), "instance": "", "request_id": ""} for answer in answers]
    assert said[0] == said[1]
    assert (said[0]["status"], said[0]["code"]) == (404, "share_not_found")


async def test_shared_again_the_old_token_stays_dead(club: Club) -> None:
    old = await share(club)
    await unshare(club)
    new = await share(club)
    assert new != old
    assert [(await read(club, one)).status_code for one in (old, new)] == [404, 200]


@pytest.mark.parametrize("token", ["a%00b", "a b", "x" * 65])
async def test_what_can_be_no_token_is_refused_before_it_is_looked_up(club: Club, token: str) -> None:
    assert (await read(club, token)).status_code == 422


async def test_a_token_cannot_be_guessed(club: Club) -> None:
    """256 bits, in characters that a URL takes as they are."""
    tokens = {await share(club, tenant) for tenant in ("acme", "globex")}
    assert len(tokens) == 2
    assert {len(token) for token in tokens} == {43}
