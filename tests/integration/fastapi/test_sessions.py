"""Sessions in a table, over the routes that hand them out: whose they are, and how they end."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import bookshop
import pytest
from members_api import Club, Member, MemberSession, open_clubhouse
from sqlalchemy import delete, func, select, update

from tenantry import Address, Database, errors
from tenantry.fastapi import sessions
from tenantry.fastapi.sessions import session_settings


@pytest.fixture
async def club(empty_database: Address) -> AsyncIterator[Club]:
    async with open_clubhouse(empty_database) as database:
        yield Club(database)


async def expire(database: Database, tenant: str = "acme", *, began_ago: timedelta = timedelta(0)) -> None:
    """Let a tenant's sessions be over, as if they had begun so long ago."""
    past = {"expires_at": func.now() - timedelta(seconds=1), "created_at": func.now() - began_ago}
    async with database.tenant(tenant) as session:
        await session.execute(update(MemberSession).values(**past))


async def count(database: Database, tenant: str = "acme") -> int:
    async with database.tenant(tenant, read_only=True) as session:
        found: int = await session.scalar(select(func.count()).select_from(MemberSession))
    return found


async def test_an_assertion_becomes_a_session_once(club: Club) -> None:
    """It is good for the lifetime of the settings, and no cache may keep it."""
    assertion = club.assertion("ada", role="host")
    answer = await club.knock(assertion)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (201, "no-store")
    session = answer.json()
    assert (session["user"]["email"], session["user"]["role"]) == ("ada@club.example", "host")
    lasts = datetime.fromisoformat(session["expires_at"]) - datetime.fromisoformat(session["created_at"])
    assert abs(lasts - timedelta(hours=1)) < timedelta(seconds=1)
    again = await club.knock(assertion)
    assert (again.status_code, again.json()["code"]) == (409, "assertion_replayed")
    assert await count(club.database) == 1


async def test_the_id_of_a_session_speaks_for_its_user(club: Club) -> None:
    ada, grace = await club.sign_in("ada"), await club.sign_in("grace", "globex")
    for session, email in ((ada, "ada@club.example"), (grace, "grace@club.example")):
        assert (await club.http(session["id"]).get("/me")).json() == email
        assert (await club.http(session["id"]).get("/sessions/current")).json()["id"] == session["id"]


async def test_what_a_caller_changes_is_committed(club: Club) -> None:
    session = await club.sign_in("ada")
    assert (await club.http(session["id"]).put("/me/name?name=Ada+L.")).status_code == 200
    async with club.database.tenant("acme", read_only=True) as reading:
        assert await reading.scalar(select(Member.name)) == "Ada L."


@pytest.mark.parametrize("how", ["ended", "expired", "removed", "unknown", "missing"])
async def test_a_session_that_is_over_is_nobodys(club: Club, how: str) -> None:
    """Ended, expired, of a user who was removed, and never begun are one answer, to whoever reads and writes."""
    session = await club.sign_in("ada")
    http = club.http({"unknown": str(uuid.uuid4()), "missing": ""}.get(how, session["id"]))
    if how == "ended":
        assert (await http.delete("/sessions/current")).status_code == 204
    if how == "expired":
        await expire(club.database)
    if how == "removed":
        async with club.database.tenant("acme") as work:
            await work.execute(delete(Member))
    for answer in (await http.get("/me"), await http.put("/me/name?name=x"), await http.delete("/sessions/current")):
        assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


async def test_a_refreshed_session_goes_on_and_still_ends(club: Club) -> None:
    """From now on for a lifetime; but not beyond the longest that a session may be."""
    session = await club.sign_in("ada")
    nearly_a_week = timedelta(days=7) - timedelta(minutes=10)
    for began_ago, left in ((timedelta(hours=3), timedelta(hours=1)), (nearly_a_week, timedelta(minutes=10))):
        async with club.database.tenant("acme") as work:
            soon = {"expires_at": func.now() + timedelta(minutes=1), "created_at": func.now() - began_ago}
            await work.execute(update(MemberSession).values(**soon))
        answer = (await club.http(session["id"]).post("/sessions/current/refresh")).json()
        now = datetime.fromisoformat(answer["last_accessed_at"])
        assert abs(datetime.fromisoformat(answer["expires_at"]) - now - left) < timedelta(seconds=1)


async def test_a_session_that_ends_while_it_is_refreshed_is_nobodys(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the caller and the change another request may end it: 401, as for any that is over."""
    session = await club.sign_in("ada")
    before = sessions.refresh

    async def overtaken(*given: Any) -> Any:
        await club.http(session["id"]).delete("/sessions/current")
        return await before(*given)

    monkeypatch.setattr(sessions, "refresh", overtaken)
    answer = await club.http(session["id"]).post("/sessions/current/refresh")
    assert (answer.status_code, answer.json()["status"]) == (401, 401)


async def test_the_next_session_sweeps_away_the_tenants_expired_ones(club: Club) -> None:
    """And no other tenant's."""
    for tenant in ("acme", "globex"):
        await club.sign_in(f"a-{tenant}", tenant)
        await expire(club.database, tenant)
    await club.sign_in("b-acme")
    assert [await count(club.database, tenant) for tenant in ("acme", "globex")] == [1, 1]
    async with club.database.tenant("globex", read_only=True) as reading:
        assert await reading.scalar(select(func.count()).where(MemberSession.expires_at <= func.now())) == 1


def test_a_service_with_sessions_says_how_long_they_are_good() -> None:
    with pytest.raises(errors.ConfigurationError, match="SessionSettings"):
        session_settings(bookshop.Settings())
