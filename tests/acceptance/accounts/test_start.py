"""Criterion 4: the application connects to PostgreSQL when it starts, and does not start without. The demonstration."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import asyncpg
import httpx2
import pytest
from serving import serving
from sqlalchemy import select, text

from accounts import demo
from accounts.app import app as served
from accounts.app import create_app
from accounts.models import User
from accounts.service import service
from accounts.settings import Settings
from tenantry import Address, Database, errors
from tenantry.deployment import Deployment

NOWHERE = "postgresql://someone:a-password@127.0.0.1:1/accounts"
SECRET = "s" * 32


async def test_ac4_the_application_connects_on_startup(settings: Settings, superuser: asyncpg.Connection) -> None:
    """Criterion 4: the story's integration test: the lifespan has a live session, and `SELECT 1` goes through it."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'accounts_app'"
    app = create_app(Deployment(service, settings))
    async with app.router.lifespan_context(app):
        database: Database = app.state.database
        async with database.session() as session:
            assert (await session.execute(text("SELECT 1"))).scalar_one() == 1
            assert (await session.execute(text("SELECT current_user"))).scalar_one() == "accounts_app"
            assert await superuser.fetchval(query) >= 1
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client:
            ready = await client.get("/health/ready")
            assert (ready.status_code, ready.json()["database"]) == (200, "connected")


async def refusal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Start the service with these variables alone, and return why it refused."""
    for name in [name for name in os.environ if name.startswith(("ACCOUNTS_", "DATABASE_", "DB_"))]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    app = create_app()
    with pytest.raises(errors.TenantryError) as caught:
        await app.router.lifespan_context(app).__aenter__()
    return str(caught.value)


@pytest.mark.parametrize("variable", ["DATABASE_URL", "ACCOUNTS_DATABASE_URL"])
async def test_ac4_without_its_database_it_does_not_start(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Criterion 4: it says where it looked, and not with which password."""
    said = await refusal(monkeypatch, ACCOUNTS_JWT_SECRET=SECRET, **{variable: NOWHERE})
    assert "127.0.0.1" in said
    assert "a-password" not in said


def test_ac4_the_process_ends_with_a_sentence() -> None:
    """Criterion 4: as an operator sees it: a status that is not 0, and no traceback."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ACCOUNTS_")}
    done = subprocess.run(
        [sys.executable, "-m", "uvicorn", "accounts.app:app", "--port", "0", "--log-level", "warning"],
        env={**inherited, "DATABASE_URL": NOWHERE, "ACCOUNTS_JWT_SECRET": SECRET},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "127.0.0.1" in done.stderr
    assert "Traceback" not in done.stderr
    assert "a-password" not in done.stderr


async def test_ac4_the_storys_variable_is_read(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, address: Address
) -> None:
    """Criterion 4: `DATABASE_URL` alone says where the database is, beside the secret that no service goes without."""
    monkeypatch.delenv("ACCOUNTS_DATABASE_URL", raising=False)
    assert settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("ACCOUNTS_JWT_SECRET", SECRET)
    app = create_app()
    async with app.router.lifespan_context(app), app.state.database.session() as session:
        assert (await session.execute(text("SELECT current_database()"))).scalar_one() == address.database


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({}, "ACCOUNTS_JWT_SECRET"),
        ({"ACCOUNTS_JWT_SECRET": "too-short"}, "ACCOUNTS_JWT_SECRET"),
        ({"ACCOUNTS_JWT_JWKS_URL": "https://login.example.com/.well-known/jwks.json"}, "ACCOUNTS_JWT_SECRET"),
        ({"ACCOUNTS_JWT_SECRET": SECRET, "ACCOUNTS_PASSWORD_MEMORY": "7"}, "ACCOUNTS_PASSWORD_MEMORY"),
        ({"ACCOUNTS_JWT_SECRET": SECRET, "ACCOUNTS_TOKEN_LIFETIME": "forever"}, "ACCOUNTS_TOKEN_LIFETIME"),
    ],
)
async def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, variables: dict[str, str], named: str
) -> None:
    """With its full name and without its value; without a secret of its own the service could issue no token."""
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    said = await refusal(monkeypatch, ACCOUNTS_DATABASE_URL=url, **variables)
    assert named in said
    assert "too-short" not in said


async def test_a_login_that_row_security_does_not_hold_may_not_serve(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    assert settings.admin_database_url is not None
    url = settings.admin_database_url.get_secret_value()
    said = await refusal(monkeypatch, DATABASE_URL=url, ACCOUNTS_JWT_SECRET=SECRET)
    assert "accounts_admin" in said


def test_it_is_served_at_its_path() -> None:
    assert [one.state.service.path for one in served.apps] == ["/accounts"]


async def test_the_demonstration_is_put_in_once(database: Database) -> None:
    """Twice, as `up` does it at every start."""
    await demo.seed(database)
    await demo.seed(database)
    for tenant_id, _, users in demo.TENANTS.values():
        async with database.tenant(tenant_id, read_only=True) as session:
            rows = (await session.scalars(select(User))).all()
            assert {row.username: row.roles for row in rows} == {name: [role] for name, role in users.items()}


async def test_every_example_works_as_printed(database: Database, settings: Settings) -> None:
    """The lines are run by a shell, as they are printed."""
    await demo.seed(database)
    with serving(create_app(Deployment(service, settings))) as url:
        lines = [line for _, line in demo.examples(settings, url)]
        answers = [await asyncio.to_thread(run, line) for line in lines]
    assert [int(answer.split()[1]) for answer in answers] == [200, 200, 401, 200, 200, 200, 403, 404]
    assert '"database": "connected"' in answers[0]
    assert demo.PASSWORD not in "".join(answers)


def run(line: str) -> str:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20).stdout
