"""Attempts at a password wait longer and longer, and are forgotten in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from accounts.service import service
from accounts.throttling import count_attempt, reset
from tenantry import Database
from tenantry.deployment import Deployment
from tenantry.fastapi import Problem


@pytest.fixture
def tenantry_settings_overrides() -> Mapping[str, Any]:
    return {"sign_in_free_attempts": 3, "sign_in_first_wait": 10.0, "sign_in_longest_wait": 100.0}


async def attempt(database: Database, subject: str = "ada", purpose: str = "sign in") -> int:
    """Return the seconds to wait for, 0 where the attempt is let through."""
    try:
        await count_attempt(database, purpose, subject)
    except Problem as problem:
        return int(problem.answer.headers["Retry-After"])
    return 0


async def wait_over(superuser: asyncpg.Connection) -> float:
    """End every wait; return how long the one of the last attempt was to be."""
    found = await superuser.fetchval("SELECT extract(epoch FROM next_at - last_at)::float8 FROM sign_in_attempts")
    await superuser.execute("UPDATE sign_in_attempts SET next_at = clock_timestamp()")
    return float(found)


async def test_the_wait_doubles_up_to_the_longest(database: Database, superuser: asyncpg.Connection) -> None:
    waits = []
    for _ in range(9):
        assert await attempt(database) == 0
        waits.append(round(await wait_over(superuser), 3))
    assert waits == [0, 0, 10, 20, 40, 80, 100, 100, 100]


async def test_who_comes_too_soon_is_told_how_long(database: Database, superuser: asyncpg.Connection) -> None:
    """And does not make it longer by that."""
    for _ in range(3):
        await attempt(database)
    assert [await attempt(database) for _ in range(5)] == [10] * 5
    assert await superuser.fetchval("SELECT failures FROM sign_in_attempts") == 3
    with pytest.raises(Problem) as caught:
        await count_attempt(database, "sign in", "ada")
    assert (caught.value.answer.status, caught.value.answer.code) == (429, "too_many_attempts")


async def test_any_number_of_attempts_stays_within_the_longest(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await attempt(database)
    await superuser.execute("UPDATE sign_in_attempts SET failures = 2000000, next_at = clock_timestamp()")
    assert await attempt(database) == 0
    assert round(await wait_over(superuser), 3) == 100


async def test_attempts_at_once_are_counted_one_by_one(database: Database, superuser: asyncpg.Connection) -> None:
    waits = await asyncio.gather(*(attempt(database) for _ in range(10)))
    assert sorted(waits) == [0, 0, 0, *[10] * 7]
    assert await superuser.fetchval("SELECT failures FROM sign_in_attempts") == 3


async def test_subjects_and_purposes_are_counted_apart(database: Database) -> None:
    for _ in range(4):
        await attempt(database)
    assert await attempt(database) > 0
    assert await attempt(database, "grace") == 0
    assert await attempt(database, purpose="change the password") == 0


async def test_who_knew_the_secret_begins_anew(database: Database, superuser: asyncpg.Connection) -> None:
    for _ in range(2):
        key = await count_attempt(database, "sign in", "ada")
    async with database.session() as session:
        await reset(session, key)
    assert await superuser.fetchval("SELECT count(*) FROM sign_in_attempts") == 0
    assert [await attempt(database) for _ in range(3)] == [0, 0, 0]


async def test_old_attempts_are_forgotten(database: Database, superuser: asyncpg.Connection) -> None:
    """The own ones count no more, and those of others are removed, a few with each attempt."""
    for number in range(30):
        await attempt(database, f"somebody {number}")
    for _ in range(3):
        await attempt(database)
    await superuser.execute(
        "UPDATE sign_in_attempts SET last_at = last_at - interval '3 days', next_at = next_at - interval '3 days'"
    )
    assert await attempt(database) == 0
    assert await superuser.fetchval("SELECT failures FROM sign_in_attempts ORDER BY last_at DESC LIMIT 1") == 1
    assert await superuser.fetchval("SELECT count(*) FROM sign_in_attempts") == 11
    await attempt(database)
    assert await superuser.fetchval("SELECT count(*) FROM sign_in_attempts") == 1


async def test_the_table_names_nobody(database: Database, superuser: asyncpg.Connection) -> None:
    """Its keys are digests under the service's secret: with another secret they would be others."""
    await attempt(database, "ada@acme.example")
    other: dict[str, Any] = {"jwt_secret": SecretStr("t" * 32)}
    settings = database.settings.model_copy(update=other)
    async with Deployment(service, settings).database() as changed:
        await attempt(changed, "ada@acme.example")
    rows = await superuser.fetch("SELECT key::text FROM sign_in_attempts")
    assert len({key for (key,) in rows}) == 2
    assert all(len(key) == 64 and int(key, 16) for (key,) in rows)
