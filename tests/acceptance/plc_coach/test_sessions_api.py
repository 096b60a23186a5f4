"""Signing in by an assertion, and what a session is good for."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx2
import pytest
from coaching import HILLTOP, RIVERSIDE, Door, Person, assertion_of
from pydantic import SecretStr

from plc_coach import sessions
from plc_coach.settings import Settings
from tenantry.fastapi import issue_token


async def test_a_first_assertion_makes_the_user_and_a_session(door: Door) -> None:
    answer = await door.knock(assertion_of(door.settings, "ravi", RIVERSIDE))
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    session = answer.json()
    user = session["user"]
    assert (user["email"], user["name"], user["role"]) == ("ravi@school.example", "Ravi", "educator")
    assert user["organization_id"] == str(RIVERSIDE)
    lived = datetime.fromisoformat(session["expires_at"]) - datetime.fromisoformat(session["created_at"])
    assert lived == timedelta(seconds=door.settings.session_lifetime)


async def test_a_second_assertion_finds_the_user(door: Door, superuser: asyncpg.Connection) -> None:
    """Name and address follow the identity provider; a role stays what it was unless it is asserted."""
    first = await door.sign_in("ravi", role="coach")
    second = await door.sign_in("ravi", name="Ravi Anand", email="Anand@School.example")
    assert second.id == first.id
    assert second.session_id != first.session_id
    row = await superuser.fetchrow("SELECT name, email, role, last_login > created_at AS later FROM users")
    assert tuple(row) == ("Ravi Anand", "anand@school.example", "coach", True)


async def test_a_known_address_leads_to_its_organisation(door: Door) -> None:
    """An assertion may leave the organisation out once the user is there: the e-mail's lookup finds it."""
    first = await door.sign_in("ravi", RIVERSIDE)
    assert (await door.sign_in("ravi", None)).id == first.id
    refused = await door.knock(assertion_of(door.settings, "stranger", None))
    assert (refused.status_code, refused.json()["code"]) == (422, "organization_required")


async def test_whoever_was_entered_by_hand_is_found_by_address(door: Door, superuser: asyncpg.Connection) -> None:
    query = "INSERT INTO users (organization_id, email, name) VALUES ($1, 'ravi@school.example', 'R') RETURNING id"
    entered = await superuser.fetchval(query, RIVERSIDE)
    assert (await door.sign_in("ravi")).id == str(entered)
    # From then on the address belongs to this identity.
    other = await door.knock(assertion_of(door.settings, "robber", RIVERSIDE, email="ravi@school.example"))
    assert (other.status_code, other.json()["code"]) == (409, "email_taken")


@pytest.mark.parametrize("organization", [RIVERSIDE, HILLTOP], ids=["own", "other"])
async def test_an_address_belongs_to_one_identity(door: Door, ravi: Person, organization: uuid.UUID) -> None:
    """Neither another identity of the organisation nor another organisation can take it over."""
    answer = await door.knock(assertion_of(door.settings, "robber", organization, email="ravi@school.example"))
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert str(RIVERSIDE) not in answer.text


async def test_an_assertion_is_used_once(door: Door) -> None:
    """Of many at once, too: one makes a session, the others are replays."""
    assertion = assertion_of(door.settings, "ravi", RIVERSIDE)
    answers = await asyncio.gather(*(door.knock(assertion) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"assertion_replayed"}


async def test_used_assertions_are_forgotten_when_they_have_expired(
    door: Door, ravi: Person, superuser: asyncpg.Connection
) -> None:
    await superuser.execute("UPDATE identity_assertions SET expires_at = now() - interval '1 s'")
    await superuser.execute("UPDATE sessions SET expires_at = now() - interval '1 s'")
    await door.sign_in("rosa")
    assert await superuser.fetchval("SELECT count(*) FROM identity_assertions") == 1
    assert await superuser.fetchval("SELECT count(*) FROM sessions") == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"lifetime": -1},
        {"lifetime": 3600},
        {"aud": "another-service"},
        {"jti": None},
        {"email": None},
        {"email": "no address"},
        {"provider": ""},
        {"name": "\x00"},
        {"organization_id": 7},
    ],
    ids=repr,
)
async def test_an_assertion_that_is_not_for_us_is_refused(door: Door, wrong: dict[str, Any]) -> None:
    answer = await door.knock(assertion_of(door.settings, "ravi", RIVERSIDE, **wrong))
    assert (answer.status_code, answer.json()["code"]) == (401, "assertion_invalid")


async def test_an_assertion_of_somebody_else_is_refused(door: Door) -> None:
    """Signed with another secret, or with none."""
    stranger = Settings(jwt_secret=SecretStr("x" * 40))
    for forged in (assertion_of(stranger, "ravi", RIVERSIDE), "eyJhbGciOiJub25lIn0.e30.", "nonsense"):
        answer = await door.knock(forged)
        assert (answer.status_code, answer.json()["code"]) == (401, "assertion_invalid")


async def test_a_role_that_does_not_exist_is_refused(door: Door, nobody: httpx2.AsyncClient) -> None:
    answer = await door.knock(assertion_of(door.settings, "ravi", RIVERSIDE, role="superintendent"))
    assert answer.status_code == 422


async def test_an_organisation_that_is_no_uuid_is_refused(door: Door) -> None:
    answer = await door.knock(assertion_of(door.settings, "ravi", RIVERSIDE, organization_id="riverside"))
    assert answer.status_code == 422


async def test_the_session_can_be_read(ravi: Person) -> None:
    answer = await ravi.http.get("/sessions/current")
    assert answer.status_code == 200
    assert answer.json()["id"] == ravi.session_id
    assert answer.json()["user"]["id"] == ravi.id


async def test_a_refresh_lengthens_and_is_bounded(ravi: Person, superuser: asyncpg.Connection) -> None:
    """To the whole lifetime from now, but never past the longest one from the beginning."""
    await superuser.execute("UPDATE sessions SET expires_at = now() + interval '1 minute'")
    answer = (await ravi.http.post("/sessions/current/refresh")).json()
    left = datetime.fromisoformat(answer["expires_at"]).timestamp() - time.time()
    assert left == pytest.approx(28800, abs=30)
    assert answer["last_accessed_at"] > answer["created_at"]
    await superuser.execute("UPDATE sessions SET created_at = now() - interval '7 days' + interval '1 hour'")
    answer = (await ravi.http.post("/sessions/current/refresh")).json()
    assert datetime.fromisoformat(answer["expires_at"]).timestamp() - time.time() == pytest.approx(3600, abs=30)


async def test_an_expired_session_is_nobodys(ravi: Person, superuser: asyncpg.Connection) -> None:
    """It cannot be refreshed either."""
    await superuser.execute("UPDATE sessions SET expires_at = now() - interval '1 s'")
    answers = [await ravi.http.get(path) for path in ("/sessions/current", "/conversations")]
    for answer in (*answers, await ravi.http.post("/sessions/current/refresh")):
        assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_session_of_a_removed_user_is_nobodys(ravi: Person, superuser: asyncpg.Connection) -> None:
    await superuser.execute("DELETE FROM users")
    for answer in (await ravi.http.get("/sessions/current"), await ravi.http.delete("/sessions/current")):
        assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


async def test_a_session_that_ends_while_it_is_refreshed_is_nobodys(
    ravi: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the lookup of the caller and the change another request may end it: 401, as for any that is over."""
    before = sessions.refresh

    async def overtaken(*given: Any) -> Any:
        await ravi.http.delete("/sessions/current")
        return await before(*given)

    monkeypatch.setattr(sessions, "refresh", overtaken)
    answer = await ravi.http.post("/sessions/current/refresh")
    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


async def test_expired_sessions_of_another_organisation_stay(
    door: Door, hana: Person, superuser: asyncpg.Connection
) -> None:
    """A sign-in removes those of its own organisation only."""
    await superuser.execute("UPDATE sessions SET expires_at = now() - interval '1 s'")
    await door.sign_in("ravi")
    query = "SELECT count(*) FROM sessions WHERE organization_id = $1"
    assert [await superuser.fetchval(query, one) for one in (RIVERSIDE, HILLTOP)] == [1, 1]


async def test_an_ended_session_is_nobodys(door: Door, ravi: Person) -> None:
    other = await door.sign_in("ravi")
    assert (await ravi.http.delete("/sessions/current")).status_code == 204
    assert (await ravi.http.get("/sessions/current")).status_code == 401
    assert (await other.http.get("/sessions/current")).status_code == 200


async def test_another_scheme_is_no_session(door: Door, ravi: Person) -> None:
    answer = await door.client().get("/sessions/current", headers={"Authorization": f"Basic {ravi.session_id}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


@pytest.mark.parametrize("credential", [None, "", "nonsense", str(uuid.UUID(int=7)), f"{{{uuid.UUID(int=0)}}}"])
async def test_who_has_no_session_is_told_so(door: Door, credential: str | None) -> None:
    answer = await door.client(credential).get("/sessions/current")
    assert (answer.status_code, answer.json()["code"]) == (401, "credential_invalid")


async def test_an_assertion_is_no_session(door: Door) -> None:
    """Nor is any other token that is signed with the secret."""
    token = issue_token(door.settings, "ravi", str(RIVERSIDE), ["admin"])
    assert (await door.client(token).get("/conversations")).status_code == 401
