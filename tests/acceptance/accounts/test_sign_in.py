"""Signing up and signing in: what a stranger can and cannot learn."""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import time
from datetime import timedelta
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest
from accounts_api import CHEAP, PASSWORD, Door, Person, stored_hash
from fastapi import FastAPI

from accounts.app import create_app
from accounts.passwords import Passwords
from accounts.service import service
from accounts.settings import Settings
from tenantry.deployment import Deployment
from tenantry.fastapi import issue_token

SIGN_UP = {"tenant": "Acme", "username": "ada", "email": "ada@acme.example", "password": PASSWORD}


def changed(settings: Settings, **changes: Any) -> Settings:
    """Return the settings with some that are otherwise."""
    return settings.model_copy(update=changes)


async def test_who_signs_up_is_the_first_administrator(nobody: httpx2.AsyncClient, door: Door) -> None:
    answer = await nobody.post("/sign-up", json={**SIGN_UP, "tenant": "  Acme   Corporation "})
    assert answer.status_code == 201
    document = answer.json()
    assert document["tenant"]["name"] == "Acme Corporation"
    assert document["user"] | {"id": "", "created_at": ""} == {
        "id": "",
        "username": "ada",
        "email": "ada@acme.example",
        "roles": ["admin"],
        "created_at": "",
    }
    ada = await door.sign_in("ada@acme.example")
    assert (await ada.http.get("/me")).json() == document


async def test_a_token_says_who_for_whom_and_how_long(ada: Person, settings: Settings) -> None:
    assert settings.jwt_secret is not None
    answer = await ada.http.post("/sign-in", json=ada.credentials)
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    claims = jwt.decode(body["access_token"], settings.jwt_secret.get_secret_value(), algorithms=["HS256"])
    assert (claims["sub"], claims["tenant_id"], claims["scope"]) == (ada.id, ada.tenant, "admin")
    assert claims["exp"] - claims["iat"] == pytest.approx(3600, abs=1)
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "admin")


async def test_an_email_has_one_spelling(nobody: httpx2.AsyncClient, superuser: asyncpg.Connection) -> None:
    answer = await nobody.post("/sign-up", json={**SIGN_UP, "email": "Ada@ACME.example"})
    assert answer.json()["user"]["email"] == "ada@acme.example"
    for email in ("ada@acme.example", "ADA@acme.EXAMPLE"):
        assert (await nobody.post("/sign-in", json={"email": email, "password": PASSWORD})).status_code == 200
    again = await nobody.post("/sign-up", json={**SIGN_UP, "tenant": "Other", "email": "aDa@acme.example"})
    assert again.status_code == 409
    # The tenant that was made before the e-mail was refused is not there.
    assert await superuser.fetchval("SELECT count(*) FROM tenants") == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"tenant": "Other"}, "email_taken"), ({"email": "other@acme.example"}, "tenant_taken")],
)
async def test_what_is_taken_is_told_and_no_more(
    nobody: httpx2.AsyncClient, changes: dict[str, str], code: str
) -> None:
    """The bounded leak of signing up: one bit, and neither a tenant, a name nor a date."""
    await nobody.post("/sign-up", json=SIGN_UP)
    answer = await nobody.post("/sign-up", json={**SIGN_UP, **changes})
    assert (answer.status_code, answer.json()["code"]) == (409, code)
    assert set(answer.json()) == {"type", "title", "status", "code", "detail", "instance", "request_id"}
    assert "acme" not in answer.text.lower()


async def test_of_many_who_sign_up_one_tenant_one_does(
    nobody: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    bodies = [{**SIGN_UP, "email": f"{number}@acme.example"} for number in range(6)]
    answers = await asyncio.gather(*(nobody.post("/sign-up", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]
    assert await superuser.fetchval("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize(
    ("email", "password"), [("ada@acme.example", "not the password"), ("nobody@acme.example", PASSWORD)]
)
async def test_unknown_and_wrong_have_one_answer(
    ada: Person, nobody: httpx2.AsyncClient, email: str, password: str
) -> None:
    answer = await nobody.post("/sign-in", json={"email": email, "password": password})
    assert answer.status_code == 401
    document = answer.json()
    del document["request_id"]
    assert document == {
        "type": "/problems/credentials_invalid",
        "title": "Credentials invalid",
        "status": 401,
        "code": "credentials_invalid",
        "detail": "The e-mail or the password is wrong.",
        "instance": "/sign-in",
    }


async def test_unknown_and_wrong_take_the_same_time(ada: Person, settings: Settings) -> None:
    """With hashes that cost milliseconds, so that leaving one out would show; in turns, and by medians."""
    dear = changed(settings, password_memory=16384, sign_in_free_attempts=100)
    app = create_app(Deployment(service, dear))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        # Her hash is of the dear kind from her next signing in on.
        await door.sign_in(ada.email)
        times: dict[str, list[float]] = {ada.email: [], "nobody@acme.example": []}
        for _ in range(25):
            for email, spent in times.items():
                began = time.perf_counter()
                answer = await door.client().post("/sign-in", json={"email": email, "password": "wrong"})
                spent.append(time.perf_counter() - began)
                assert answer.status_code == 401
    known, unknown = (statistics.median(spent) for spent in times.values())
    assert 0.7 < known / unknown < 1.4


async def test_a_hash_of_older_parameters_is_renewed(
    ada: Person, settings: Settings, superuser: asyncpg.Connection
) -> None:
    """By signing in, and by nothing less: a wrong password leaves it as it is. Tokens from before stay good."""
    before = await stored_hash(superuser, ada.email)
    assert before.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    app = create_app(Deployment(service, changed(settings, password_memory=64, password_passes=2)))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        await door.client().post("/sign-in", json={"email": ada.email, "password": "wrong"})
        assert await stored_hash(superuser, ada.email) == before
        await door.sign_in(ada.email)
        renewed = await stored_hash(superuser, ada.email)
        assert renewed.startswith("$argon2id$v=19$m=64,t=2,p=1$")
        await door.sign_in(ada.email)
        assert await stored_hash(superuser, ada.email) == renewed
        assert (await door.client(ada.token).get("/me")).status_code == 200


async def test_signing_in_at_once_renews_a_hash_once(
    ada: Person, settings: Settings, superuser: asyncpg.Connection
) -> None:
    """Everybody gets in, and what stands there in the end is one of the new hashes."""
    app = create_app(Deployment(service, changed(settings, password_memory=64)))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        people = await asyncio.gather(*(door.sign_in(ada.email) for _ in range(6)))
        assert {person.id for person in people} == {ada.id}
        renewed = await stored_hash(superuser, ada.email)
        assert renewed.startswith("$argon2id$v=19$m=64,")
        await door.sign_in(ada.email)
        assert await stored_hash(superuser, ada.email) == renewed


async def try_in_vain(client: httpx2.AsyncClient, email: str) -> httpx2.Response:
    return await client.post("/sign-in", json={"email": email, "password": "wrong"})


@pytest.mark.parametrize("email", ["ada@acme.example", "nobody@acme.example"])
async def test_a_few_attempts_are_free_and_then_there_is_a_wait(ada: Person, settings: Settings, email: str) -> None:
    """Also for an address that nobody has; what is right is not looked at meanwhile; a restart forgets nothing."""
    slow = changed(settings, sign_in_free_attempts=3, sign_in_first_wait=60.0)
    for attempts in ([401, 401], [401, 429, 429]):
        app = create_app(Deployment(service, slow))
        async with app.router.lifespan_context(app):
            client = Door(httpx2.ASGITransport(app)).client()
            answers = [await try_in_vain(client, email) for _ in attempts]
            assert [answer.status_code for answer in answers] == attempts
    assert answers[-1].json()["code"] == "too_many_attempts"
    assert 55 <= int(answers[-1].headers["Retry-After"]) <= 60
    app = create_app(Deployment(service, slow))
    async with app.router.lifespan_context(app):
        answer = (
            await Door(httpx2.ASGITransport(app)).client().post("/sign-in", json={**ada.credentials, "email": email})
        )
    assert answer.status_code == 429


async def test_a_wait_ends_and_a_right_password_sets_it_back(
    ada: Person, settings: Settings, superuser: asyncpg.Connection
) -> None:
    app = create_app(Deployment(service, changed(settings, sign_in_free_attempts=2, sign_in_first_wait=60.0)))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        answers = [(await try_in_vain(door.client(), ada.email)).status_code for _ in range(3)]
        assert answers == [401, 401, 429]
        await superuser.execute("UPDATE sign_in_attempts SET next_at = now()")
        await door.sign_in(ada.email)
        assert await superuser.fetchval("SELECT count(*) FROM sign_in_attempts") == 0
        assert (await try_in_vain(door.client(), ada.email)).status_code == 401


async def test_many_attempts_at_once_are_no_more_than_one_after_another(ada: Person, settings: Settings) -> None:
    app = create_app(Deployment(service, changed(settings, sign_in_free_attempts=3, sign_in_first_wait=60.0)))
    async with app.router.lifespan_context(app):
        client = Door(httpx2.ASGITransport(app)).client()
        answers = await asyncio.gather(*(try_in_vain(client, ada.email) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [*[401] * 3, *[429] * 9]


async def test_one_accounts_wait_is_nobody_elses(ada: Person, grace: Person, settings: Settings) -> None:
    app = create_app(Deployment(service, changed(settings, sign_in_free_attempts=1, sign_in_first_wait=60.0)))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        await try_in_vain(door.client(), ada.email)
        assert (await try_in_vain(door.client(), ada.email)).status_code == 429
        await door.sign_in(grace.email)
        # What was issued before is not touched.
        assert (await door.client(ada.token).get("/me")).status_code == 200


async def test_who_tried_whom_is_not_readable(
    ada: Person, nobody: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    await try_in_vain(nobody, "nobody@acme.example")
    rows = await superuser.fetch("SELECT to_json(t)::text AS stored FROM sign_in_attempts AS t")
    assert len(rows) == 1
    assert "acme" not in rows[0]["stored"]


async def test_no_password_leaves_the_process(
    nobody: httpx2.AsyncClient, superuser: asyncpg.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in an answer nor in a log line nor in the database, whether it is right, wrong or refused."""
    caplog.set_level(logging.DEBUG)
    wrong, short = "a-wrong-password-to-find", "fx7"
    answers = [
        await nobody.post("/sign-up", json=SIGN_UP),
        await nobody.post("/sign-up", json=SIGN_UP),
        await nobody.post("/sign-up", json={**SIGN_UP, "password": short}),
        await nobody.post("/sign-up", json={**SIGN_UP, "password": [PASSWORD]}),
        await nobody.post("/sign-in", json={"email": SIGN_UP["email"], "password": PASSWORD}),
        await nobody.post("/sign-in", json={"email": SIGN_UP["email"], "password": wrong}),
        await nobody.post("/sign-in", json={"email": "no address", "password": wrong}),
    ]
    assert [answer.status_code for answer in answers] == [201, 409, 422, 422, 200, 401, 422]
    stored = await superuser.fetch("SELECT to_json(t)::text AS stored FROM users AS t")
    told = "".join([*(answer.text for answer in answers), *(row["stored"] for row in stored), caplog.text])
    assert [one for one in (PASSWORD, wrong, short) if one in told] == []
    # Nor does the hash, which would be worth stealing.
    hashed = await stored_hash(superuser, SIGN_UP["email"])
    assert hashed not in "".join(answer.text for answer in answers)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("1234567", "validation_failed"),
        ("x" * 1025, "validation_failed"),
        ("\ud800 half of a pair", "validation_failed"),
        ("password123", "password_guessable"),
        ("PassWord", "password_guessable"),
        ("ada@acme.example", "password_guessable"),
    ],
)
async def test_a_password_that_anybody_would_guess_is_refused(
    nobody: httpx2.AsyncClient, password: str, code: str
) -> None:
    # As ASCII, because half of a surrogate pair has no other form on the wire.
    content = json.dumps({**SIGN_UP, "password": password}).encode("ascii")
    answer = await nobody.post("/sign-up", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_any_script_and_any_length_up_to_1024_is_a_password(nobody: httpx2.AsyncClient, door: Door) -> None:
    """Spaces, signs of every script; and an accent typed as one sign or as two."""
    composed, combined = "pässwörter für alle 密码 🔑", "pa\u0308sswo\u0308rter fu\u0308r alle 密码 🔑"
    answer = await nobody.post("/sign-up", json={**SIGN_UP, "password": composed})
    assert answer.status_code == 201
    await door.sign_in("ada@acme.example", combined)
    longest = {**SIGN_UP, "tenant": "Long", "email": "long@acme.example", "password": "x y" * 341 + "z"}
    assert (await nobody.post("/sign-up", json=longest)).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tenant", ""),
        ("tenant", "   "),
        ("tenant", "with\0NUL"),
        ("tenant", "x" * 101),
        ("username", ""),
        ("username", "two words"),
        ("username", "x" * 101),
        ("email", "no address"),
        ("email", "ada@"),
        ("email", "ada@acme..example"),
        ("email", "ada@acme.example "),
        ("email", "ädä@acme.example"),
        ("email", "x" * 65 + "@acme.example"),
        ("email", "ada@" + ".".join(["x" * 60] * 5)),
        ("password", ""),
        ("password", 12345678),
        ("unknown", "an unknown field"),
    ],
)
async def test_what_cannot_be_accepted_is_refused(nobody: httpx2.AsyncClient, field: str, value: object) -> None:
    answer = await nobody.post("/sign-up", json={**SIGN_UP, field: value})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [one for one in answer.json()["errors"] if one["field"].startswith(f"body.{field}")]


async def test_the_loop_goes_on_while_passwords_are_hashed(ada: Person, settings: Settings) -> None:
    """Signing in of many at once leaves no gap as long as a hash, and no more of them run than are allowed."""
    dear = changed(settings, password_memory=65536, password_threads=1)
    app = create_app(Deployment(service, dear))
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        gaps: list[float] = []

        async def tick() -> None:
            while True:
                began = time.perf_counter()
                await asyncio.sleep(0.001)
                gaps.append(time.perf_counter() - began)

        ticking = asyncio.create_task(tick())
        began = time.perf_counter()
        answers = await asyncio.gather(*(try_in_vain(door.client(), f"{one}@x.example") for one in range(4)))
        spent = time.perf_counter() - began
        ticking.cancel()
    assert [answer.status_code for answer in answers] == [401] * 4
    # The time in which the loop came round often: a hash in it would leave one long gap each.
    assert sum(gap for gap in gaps if gap < spent / 8) > spent / 2


async def test_a_full_queue_is_answered_at_once(ada: Person, settings: Settings) -> None:
    app = create_app(
        Deployment(service, changed(settings, password_memory=32768, password_threads=1, password_queue=1))
    )
    async with app.router.lifespan_context(app):
        door = Door(httpx2.ASGITransport(app))
        answers = await asyncio.gather(*(try_in_vain(door.client(), f"{one}@x.example") for one in range(8)))
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) >= 1
    assert all(answer.json()["code"] == "passwords_busy" for answer in refused)
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert sum(answer.status_code == 401 for answer in answers) >= 2


async def test_no_connection_is_held_while_a_password_is_hashed(
    ada: Person, application: FastAPI, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a pool of twenty, twenty hashes at once would stop everybody else."""
    held: list[int] = []

    def watch(name: str) -> None:
        real = getattr(Passwords, name)

        async def watched(self: Passwords, *arguments: Any) -> Any:
            held.append(application.state.database.pool_status().checked_out)
            return await real(self, *arguments)

        monkeypatch.setattr(Passwords, name, watched)

    watch("hash")
    watch("verify")
    await door.sign_in(ada.email)
    alan = await door.add(ada, "alan")
    await ada.http.patch(f"/users/{alan.id}", json={"password": "a new one for alan"})
    await ada.http.put("/me/password", json={"current_password": PASSWORD, "new_password": "a new one for ada"})
    await door.sign_up("globex")
    assert len(held) >= 8
    assert set(held) == {0}


@pytest.mark.parametrize(
    ("subject", "tenant"),
    [("tester", None), ("tester", "acme"), (None, "00000000-0000-4000-8000-000000000000"), (None, None)],
)
async def test_a_token_that_names_nobody_is_refused(
    ada: Person, settings: Settings, door: Door, subject: str | None, tenant: str | None
) -> None:
    """Signed with the right secret, by somebody else."""
    token = issue_token(settings, subject or ada.id, tenant, ["admin"])
    answer = await door.client(token).get("/users")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


async def test_an_expired_token_is_refused(ada: Person, settings: Settings, door: Door) -> None:
    token = issue_token(settings, ada.id, ada.tenant, ["admin"], lifetime=timedelta(seconds=-1))
    answer = await door.client(token).get("/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_defaults_are_dear() -> None:
    """What the tests make cheap is OWASP's first choice otherwise: 46 MiB, one pass."""
    fields = Settings.model_fields
    assert (fields["password_memory"].default, fields["password_passes"].default) == (47104, 1)
    assert CHEAP["password_memory"] < 47104
