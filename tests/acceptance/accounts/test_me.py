"""`GET /me` and `PUT /me/password`: what concerns the one whose token it is."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg
import httpx2
import pytest
from accounts_api import NEW_PASSWORD, PASSWORD, Door, Person, stored_hash
from plain import connected

from accounts.app import create_app
from accounts.service import service
from accounts.settings import Settings
from tenantry import Address
from tenantry.deployment import Deployment

REPLACEMENT = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}


@pytest.mark.parametrize(("method", "path"), [("GET", "/me"), ("PUT", "/me/password"), ("GET", "/users")])
async def test_nobody_gets_in_without_a_token(nobody: httpx2.AsyncClient, method: str, path: str) -> None:
    answer = await nobody.request(method, path, json=REPLACEMENT if method == "PUT" else None)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_i_am_who_i_am_now(ada: Person, door: Door) -> None:
    """Not who the token says I was: roles that were given since are there, a tenant's other users are not."""
    alan = await door.add(ada, "alan")
    before = (await alan.http.get("/me")).json()
    assert (before["user"]["roles"], before["tenant"]["name"]) == (["member"], "acme")
    await ada.http.patch(f"/users/{alan.id}", json={"roles": ["admin", "member"], "username": "turing"})
    after = (await alan.http.get("/me")).json()
    assert (after["user"]["roles"], after["user"]["username"]) == (["admin", "member"], "turing")


async def test_a_new_password_is_in_force_and_the_old_one_is_not(
    ada: Person, door: Door, nobody: httpx2.AsyncClient
) -> None:
    answer = await ada.http.put("/me/password", json=REPLACEMENT)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await nobody.post("/sign-in", json=ada.credentials)).status_code == 401
    await door.sign_in(ada.email, NEW_PASSWORD)


async def test_tokens_from_before_are_void_and_the_new_one_is_good(ada: Person, door: Door) -> None:
    """All of them, on every device; those of others are untouched."""
    alan = await door.add(ada, "alan")
    other = await door.sign_in(ada.email)
    answer = await ada.http.put("/me/password", json=REPLACEMENT)
    for old in (ada, other):
        refused = await old.http.get("/me")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
        assert "invalid_token" in refused.headers["WWW-Authenticate"]
    fresh = door.client(answer.json()["access_token"])
    assert (await fresh.get("/me")).status_code == 200
    assert (await alan.http.get("/me")).status_code == 200
    again = await fresh.put("/me/password", json={"current_password": NEW_PASSWORD, "new_password": PASSWORD})
    assert again.status_code == 200
    assert (await fresh.get("/me")).status_code == 401


async def test_the_current_password_is_asked_for(ada: Person, superuser: asyncpg.Connection) -> None:
    """A stolen token alone takes no account over."""
    before = await stored_hash(superuser, ada.email)
    answer = await ada.http.put("/me/password", json={**REPLACEMENT, "current_password": "wrong"})
    assert (answer.status_code, answer.json()["code"]) == (403, "password_wrong")
    assert await stored_hash(superuser, ada.email) == before
    assert (await ada.http.get("/me")).status_code == 200


async def test_guessing_the_current_password_is_slowed_down(ada: Person, settings: Settings) -> None:
    """And stops nobody from signing in."""
    slow = settings.model_copy(update={"sign_in_free_attempts": 2, "sign_in_first_wait": 60.0})
    app = create_app(Deployment(service, slow))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        thief = door.client(ada.token)
        wrong = {**REPLACEMENT, "current_password": "wrong"}
        answers = [await thief.put("/me/password", json=wrong) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [403, 403, 429]
        assert answers[-1].headers["Retry-After"]
        await door.sign_in(ada.email)


@pytest.mark.parametrize(
    "change",
    [
        {"new_password": "short"},
        {"new_password": "password123"},
        {"new_password": "ada@acme.example"},
        {"new_password": None},
        {"current_password": ""},
        {"more": "than asked for"},
    ],
)
async def test_a_bad_replacement_is_refused(ada: Person, change: dict[str, Any]) -> None:
    answer = await ada.http.put("/me/password", json={**REPLACEMENT, **change})
    assert answer.status_code == 422
    assert (await ada.http.get("/me")).status_code == 200


async def test_of_two_changes_at_once_one_is_made(
    ada: Person, door: Door, address: Address, superuser: asyncpg.Connection
) -> None:
    """The other is told so, and nobody is left with a token or a password that surprises."""
    words = ["the first new password", "the second new password"]
    changes = [ada.http.put("/me/password", json={**REPLACEMENT, "new_password": word}) for word in words]
    async with connected(address) as watcher:
        # Both have seen a good token and the right password, and wait to write, before either writes.
        async with superuser.transaction():
            await superuser.execute("SELECT FROM users FOR UPDATE")
            running = asyncio.gather(*changes)
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
            while await watcher.fetchval(waiting, address.database) < len(words):  # noqa: ASYNC110  # nothing tells.
                await asyncio.sleep(0.01)
        answers = await running
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert {answer.json().get("code") for answer in answers} == {None, "password_changed"}
    won = next(word for word, answer in zip(words, answers, strict=True) if answer.status_code == 200)
    await door.sign_in(ada.email, won)


async def test_who_signs_in_while_the_password_is_changed_has_no_token_left(
    ada: Person, door: Door, nobody: httpx2.AsyncClient
) -> None:
    """A token for the old password is void, whenever the signing in began."""
    signing_in = [nobody.post("/sign-in", json=ada.credentials) for _ in range(8)]
    changing = ada.http.put("/me/password", json=REPLACEMENT)
    *signed_in, changed = await asyncio.gather(*signing_in, changing)
    assert changed.status_code == 200
    for answer in signed_in:
        if answer.status_code == 200:
            assert (await door.client(answer.json()["access_token"]).get("/me")).status_code == 401
        else:
            assert answer.status_code == 401


async def test_no_password_is_logged(ada: Person, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = [
        await ada.http.put("/me/password", json={**REPLACEMENT, "current_password": "a-wrong-guess"}),
        await ada.http.put("/me/password", json={**REPLACEMENT, "new_password": "fx7"}),
        await ada.http.put("/me/password", json=REPLACEMENT),
    ]
    told = "".join(answer.text for answer in answers) + caplog.text
    assert [one for one in (PASSWORD, NEW_PASSWORD, "a-wrong-guess", "fx7") if one in told] == []
