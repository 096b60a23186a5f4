"""A service that cannot work says so in one sentence; the demonstration shows what it can."""

from __future__ import annotations

import asyncio
import os
import subprocess

import httpx2
import pytest
from pydantic import SecretStr
from serving import serving
from sqlalchemy import func, select

from plc_coach import demo
from plc_coach.app import app as served
from plc_coach.app import create_app
from plc_coach.models import Message, MessageEmbedding
from plc_coach.service import service
from plc_coach.settings import Settings
from tenantry import Database, errors
from tenantry.deployment import Deployment

SECRET = "s" * 32


async def test_it_starts_and_is_ready(settings: Settings) -> None:
    app = create_app(Deployment(service, settings))
    client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service")
    async with app.router.lifespan_context(app), client:
        ready = await client.get("/health/ready")
    assert (ready.status_code, ready.json()["database"]) == (200, "connected")


def test_the_pool_is_as_large_as_the_story_says(settings: Settings) -> None:
    """20 connections for each process of the service."""
    assert settings.database_pool_size + settings.database_max_overflow == 20


def test_it_is_served_at_its_path() -> None:
    assert [one.state.service.path for one in served.apps] == ["/plc-coach"]


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "PLC_COACH_JWT_SECRET"),
        ({"PLC_COACH_JWT_SECRET": "too-short"}, "PLC_COACH_JWT_SECRET"),
        ({"PLC_COACH_JWT_SECRET": SECRET, "PLC_COACH_SESSION_LIFETIME": "for-ever"}, "PLC_COACH_SESSION_LIFETIME"),
        ({"PLC_COACH_JWT_SECRET": SECRET, "DATABASE_URL": "mysql://a-host/a-password"}, "DATABASE_URL"),
    ],
)
async def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, variables: dict[str, str], named: str
) -> None:
    """With its full name and without its value."""
    for name in [name for name in os.environ if name.startswith(("PLC_COACH_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    assert settings.database_url is not None
    for name, value in {"DATABASE_URL": settings.database_url.get_secret_value(), **variables}.items():
        monkeypatch.setenv(name, value)
    app = create_app()
    with pytest.raises(errors.TenantryError) as caught:
        await app.router.lifespan_context(app).__aenter__()
    assert named in str(caught.value)
    assert not [word for word in ("too-short", "for-ever", "a-password") if word in str(caught.value)]


async def test_a_login_that_row_security_does_not_hold_may_not_serve(settings: Settings) -> None:
    app = create_app(Deployment(service, settings.model_copy(update={"database_url": settings.admin_database_url})))
    with pytest.raises(errors.TenantryError, match="plc_coach_admin"):
        await app.router.lifespan_context(app).__aenter__()


async def test_the_demonstration_is_put_in_once(database: Database) -> None:
    """Twice, as `up` does it at every start; its sessions go on, and its messages can be found."""
    await demo.seed(database)
    await demo.seed(database)
    for organization, users in demo.ORGANIZATIONS.items():
        async with database.tenant(organization, read_only=True) as session:
            for model in (Message, MessageEmbedding):
                assert await session.scalar(select(func.count()).select_from(model)) == 2 * len(users)


async def test_every_example_works_as_printed(database: Database, settings: Settings) -> None:
    """The lines are run by a shell, as they are printed; the assertion a second time, which is a replay."""
    await demo.seed(database)
    with serving(create_app(Deployment(service, settings))) as url:
        lines = [line for _, line in demo.examples(settings, url)]
        answers = [await asyncio.to_thread(run, line) for line in [*lines, lines[-1]]]
    assert [int(answer.split()[1]) for answer in answers] == [200, 200, 200, 200, 200, 201, 201, 409]
    assert '"database": "connected"' in answers[0]


def test_without_a_secret_no_session_is_made_up() -> None:
    """Where assertions come from an identity provider, nobody can derive a session's id."""
    keys = Settings(jwt_jwks_url="https://login.example.com/.well-known/jwks.json")
    assert demo.session_ids(keys) == {}
    assert [title for title, _ in demo.examples(keys, "http://service")] == ["Is it ready, and the database connected?"]


def test_two_demonstrations_have_no_session_in_common() -> None:
    first, second = (set(demo.session_ids(Settings(jwt_secret=SecretStr(letter * 32))).values()) for letter in "ab")
    assert first.isdisjoint(second)


def run(line: str) -> str:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20).stdout
