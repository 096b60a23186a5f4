"""A service that cannot work says so in one sentence and ends; the demonstration shows what it can."""

from __future__ import annotations

import asyncio
import os
import subprocess

import pytest
from servicedesk import serving, start_service, variables_of
from sqlalchemy import select

from ai_agents import demo
from ai_agents.app import create_app
from ai_agents.models import EnhancementHistory
from ai_agents.settings import Settings
from tenantry import Database, errors


def test_a_service_that_cannot_start_says_why_and_ends(settings: Settings) -> None:
    """One sentence that names the variable, a status that is not 0, and no traceback."""
    process = start_service(settings, "--port", "0", AI_AGENTS_JWT_SECRET="")
    _, said = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "AI_AGENTS_JWT_SECRET" in said
    assert "Traceback" not in said


async def start(monkeypatch: pytest.MonkeyPatch, settings: Settings, **variables: str) -> str:
    """Start the service with these variables, and return why it refused."""
    for name in [name for name in os.environ if name.startswith("AI_AGENTS_")]:
        monkeypatch.delenv(name)
    for name, value in variables_of(settings, **variables).items():
        monkeypatch.setenv(name, value)
    app = create_app()
    with pytest.raises(errors.TenantryError) as caught:
        await app.router.lifespan_context(app).__aenter__()
    return str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AI_AGENTS_JWT_SECRET", "a-short-secret"),
        ("AI_AGENTS_ENCRYPTION_KEYS", ""),
        ("AI_AGENTS_ENCRYPTION_KEYS", "k1:no-key"),
        ("AI_AGENTS_DATABASE_URL", "mysql://a-host/a-password"),
        ("AI_AGENTS_REDIS_URL", "http://a-password@a-host/"),
        ("AI_AGENTS_DATABASE_POOL_SIZE", "many"),
    ],
)
async def test_a_wrong_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, variable: str, value: str
) -> None:
    """With its full name and without its value."""
    said = await start(monkeypatch, settings, **{variable: value})
    assert variable in said
    assert not value or value not in said


async def test_a_login_that_row_security_does_not_hold_may_not_serve(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """Though the address given as the application's is the admin's, and works."""
    admin = settings.admin_database_url
    assert admin is not None
    said = await start(monkeypatch, settings, AI_AGENTS_DATABASE_URL=admin.get_secret_value())
    assert "admin" in said


async def test_a_database_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    said = await start(
        monkeypatch,
        settings,
        AI_AGENTS_DATABASE_URL="postgresql://someone:a-password@127.0.0.1:1/ai_agents",
        AI_AGENTS_DATABASE_POOL_TIMEOUT="0.2",
    )
    assert "127.0.0.1" in said
    assert "a-password" not in said


async def test_the_demonstration_is_put_in_once(database: Database, settings: Settings) -> None:
    """Twice, as `up` does it at every start, and each tenant has a few rows in different states."""
    await demo.seed(database)
    await demo.seed(database)
    for tenant in demo.tokens(settings):
        async with database.tenant(tenant, read_only=True) as session:
            rows = (await session.scalars(select(EnhancementHistory))).all()
            assert sorted(row.status for row in rows) == ["completed", "failed", "pending"]


async def test_every_example_works_as_printed(database: Database, settings: Settings) -> None:
    """The lines are run by a shell, as they are printed; the webhook's a second time, which it calls a replay."""
    await demo.seed(database)
    with serving(settings) as url:
        lines = [line for _, line in demo.examples(settings, f"{url}/ai-agents")]
        answers = [await asyncio.to_thread(run, line) for line in [*lines, lines[-1]]]
    assert [int(answer.split()[1]) for answer in answers] == [200, 200, 200, 200, 404, 201, 202, 409]
    assert '"database": "connected"' in answers[0]
    assert not [secret for _, secret in demo.TENANTS.values() if secret in "".join([*lines, *answers])]


def run(line: str) -> str:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20).stdout
