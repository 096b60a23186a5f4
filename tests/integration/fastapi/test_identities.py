"""From an assertion to a user: found, entered by hand before, or made; in one tenant only."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from members_api import Club, Member, open_clubhouse
from sqlalchemy import select

from tenantry import Address


@pytest.fixture
async def club(empty_database: Address) -> AsyncIterator[Club]:
    async with open_clubhouse(empty_database) as database:
        yield Club(database)


async def members(club: Club, tenant: str = "acme") -> list[Member]:
    async with club.database.tenant(tenant, read_only=True) as session:
        return list((await session.scalars(select(Member).order_by(Member.email))).all())


async def test_the_first_assertion_makes_a_user_and_the_next_one_finds_it(club: Club) -> None:
    """What it says of the user is kept; what it does not say stays."""
    first = await club.sign_in("ada", role="host")
    second = await club.sign_in("ada", email="ada@new.example")
    assert second["user"] == {**first["user"], "email": "ada@new.example"}
    (ada,) = await members(club)
    assert (ada.role, ada.sso_provider, ada.sso_id) == ("host", "idp", "id-of-ada")
    assert ada.last_login is not None


async def test_whoever_was_entered_by_hand_gets_an_identity_once(club: Club) -> None:
    async with club.database.tenant("acme") as session:
        session.add(Member(email="ada@club.example", name="Ada", role="host"))
    assert (await club.sign_in("ada"))["user"]["role"] == "host"
    (ada,) = await members(club)
    assert ada.sso_id == "id-of-ada"
    other = await club.knock(club.assertion("alan", email="ada@club.example"))
    assert (other.status_code, other.json()["code"]) == (409, "email_taken")


async def test_a_known_address_leads_to_its_tenant(club: Club) -> None:
    """Where the assertion names none; the first one has to."""
    unknown = await club.knock(club.assertion("ada", None))
    assert (unknown.status_code, unknown.json()["code"]) == (422, "organization_required")
    first = await club.sign_in("ada", "globex")
    assert (await club.sign_in("ada", None))["user"] == first["user"]
    assert await members(club) == []


async def test_an_address_of_another_tenant_is_refused(club: Club) -> None:
    """It is in use; of whom is not told, and nobody moves to another tenant."""
    await club.sign_in("ada", "globex")
    answer = await club.knock(club.assertion("ada", "acme"))
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert "globex" not in answer.text
    assert [len(await members(club, tenant)) for tenant in ("acme", "globex")] == [0, 1]
