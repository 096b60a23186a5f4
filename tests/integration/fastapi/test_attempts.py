"""Attempts at a secret wait longer and longer, whoever counts them, and are forgotten in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict
from sqlalchemy.orm import DeclarativeBase

from tenantry import Address, Database, DatabaseSettings, Roles, TenantBase
from tenantry.fastapi.attempt_record import AttemptRecord
from tenantry.fastapi.attempts import claim, forgive
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.sign_in_settings import SignInSettings
from tenantry.postgres.connect import connect
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource

ROLES = Roles("attempts_owner", "attempts_app", "attempts_admin")
TABLE = """
    CREATE TABLE attempts (key varchar(64) PRIMARY KEY, failures int NOT NULL, last_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL);
    GRANT SELECT, INSERT, UPDATE, DELETE ON attempts TO attempts_app;
"""


class Base(TenantBase, DeclarativeBase):
    pass


class Attempt(AttemptRecord, Base):
    __tablename__ = "attempts"


class Settings(DatabaseSettings, SignInSettings):
    model_config = SettingsConfigDict(env_prefix="ATTEMPTS_")


@pytest.fixture
async def superuser(empty_database: Address) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(StaticSource(empty_database), deadline=10, application_name="tests")
    await ensure_roles(connection, ROLES)
    await connection.execute(TABLE)
    yield connection
    await connection.close()


@pytest.fixture
async def database(empty_database: Address, superuser: asyncpg.Connection) -> AsyncIterator[Database]:
    settings = Settings(
        database_url=empty_database.replace(user=ROLES.application).url,
        jwt_secret=SecretStr("s" * 32),
        sign_in_free_attempts=3,
        sign_in_first_wait=10.0,
        sign_in_longest_wait=100.0,
    )
    async with Database(settings, metadata=Base.metadata, roles=ROLES, name="attempts") as opened:
        yield opened


async def attempt(database: Database, subject: str = "ada", purpose: str = "sign in") -> int:
    """Return the seconds to wait for, 0 where the attempt is let through."""
    try:
        await claim(database, Attempt, purpose, subject)
    except Problem as problem:
        return int(problem.answer.headers["Retry-After"])
    return 0


async def wait_over(superuser: asyncpg.Connection) -> float:
    """End every wait; return how long the one of the last attempt was to be."""
    found = await superuser.fetchval("SELECT extract(epoch FROM next_at - last_at)::float8 FROM attempts")
    await superuser.execute("UPDATE attempts SET next_at = clock_timestamp()")
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
    assert await superuser.fetchval("SELECT failures FROM attempts") == 3
    with pytest.raises(Problem) as caught:
        await claim(database, Attempt, "sign in", "ada")
    assert (caught.value.answer.status, caught.value.answer.code) == (429, "too_many_attempts")


async def test_any_number_of_attempts_stays_within_the_longest(
    database: Database, superuser: asyncpg.Connection
) -> None:
    await attempt(database)
    await superuser.execute("UPDATE attempts SET failures = 2000000, next_at = clock_timestamp()")
    assert await attempt(database) == 0
    assert round(await wait_over(superuser), 3) == 100


async def test_attempts_at_once_are_counted_one_by_one(database: Database, superuser: asyncpg.Connection) -> None:
    waits = await asyncio.gather(*(attempt(database) for _ in range(10)))
    assert sorted(waits) == [0, 0, 0, *[10] * 7]
    assert await superuser.fetchval("SELECT failures FROM attempts") == 3


async def test_subjects_and_purposes_are_counted_apart(database: Database) -> None:
    for _ in range(4):
        await attempt(database)
    assert await attempt(database) > 0
    assert await attempt(database, "grace") == 0
    assert await attempt(database, purpose="change the password") == 0


async def test_who_knew_the_secret_begins_anew(database: Database, superuser: asyncpg.Connection) -> None:
    for _ in range(2):
        key = await claim(database, Attempt, "sign in", "ada")
    async with database.session() as session:
        await forgive(session, Attempt, key)
    assert await superuser.fetchval("SELECT count(*) FROM attempts") == 0
    assert [await attempt(database) for _ in range(3)] == [0, 0, 0]


async def test_old_attempts_are_forgotten(database: Database, superuser: asyncpg.Connection) -> None:
    """The own ones count no more, and those of others are removed, a few with each attempt."""
    for number in range(30):
        await attempt(database, f"somebody {number}")
    for _ in range(3):
        await attempt(database)
    await superuser.execute(
        "UPDATE attempts SET last_at = last_at - interval '3 days', next_at = next_at - interval '3 days'"
    )
    assert await attempt(database) == 0
    assert await superuser.fetchval("SELECT failures FROM attempts ORDER BY last_at DESC LIMIT 1") == 1
    assert await superuser.fetchval("SELECT count(*) FROM attempts") == 11
    await attempt(database)
    assert await superuser.fetchval("SELECT count(*) FROM attempts") == 1


async def test_the_table_names_nobody(database: Database, superuser: asyncpg.Connection) -> None:
    """Its keys are digests under the service's secret: with another secret they would be others."""
    await attempt(database, "ada@acme.example")
    other: dict[str, Any] = {"jwt_secret": SecretStr("t" * 32)}
    settings = database.settings.model_copy(update=other)
    async with Database(settings, metadata=Base.metadata, roles=ROLES, name="attempts") as changed:
        await attempt(changed, "ada@acme.example")
    rows = await superuser.fetch("SELECT key::text FROM attempts")
    assert len({key for (key,) in rows}) == 2
    assert all(len(key) == 64 and int(key, 16) for (key,) in rows)
