"""Criteria 3 and 5: the address comes from the story's variables; the pool is the story's, and reconnects."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import asyncpg
import httpx2
import pytest
from sqlalchemy import text

from items import demo
from items.app import create_app
from items.settings import Settings
from tenantry import Address, Database, DatabaseSettings

STORY = {"DB_HOST": "db.example", "DB_PORT": "5433", "DB_NAME": "shop", "DB_USER": "clerk", "DB_PASSWORD": "secret"}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    """An environment that says nothing of any service."""
    for name in list(os.environ):
        if name.upper().startswith(("ITEMS_", "DB_", "DATABASE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return monkeypatch


async def where(settings: DatabaseSettings) -> tuple[str, str | None]:
    source = settings.source()
    assert source is not None
    address = await source.current()
    return address.redacted, address.password.get_secret_value() if address.password else None


async def test_the_storys_variables_alone_say_where_the_database_is(told: pytest.MonkeyPatch) -> None:
    """Criterion 3: no variable with a prefix is needed."""
    for name, value in STORY.items():
        told.setenv(name, value)
    assert await where(Settings.load()) == ("postgresql://clerk@db.example:5433/shop", "secret")


async def test_all_but_the_password_have_the_storys_defaults(told: pytest.MonkeyPatch) -> None:
    """Criterion 3: a password alone is an address."""
    assert Settings.load().source() is None
    told.setenv("DB_PASSWORD", "secret")
    assert await where(Settings.load()) == ("postgresql://app_user@localhost/devops_demo", "secret")


async def test_the_services_own_prefix_goes_before_the_bare_names(told: pytest.MonkeyPatch) -> None:
    """Four services in one process can be told apart, and none gets half of another's address."""
    for name, value in STORY.items():
        told.setenv(name, value)
    told.setenv("ITEMS_DATABASE_URL", "postgresql://own@own/own")
    assert await where(Settings.load()) == ("postgresql://own@own/own", None)


async def test_the_service_starts_with_the_storys_variables(told: pytest.MonkeyPatch, address: Address) -> None:
    """Criterion 3: as the application's role, against a real server."""
    host = address.hosts[0]
    variables = {"DB_HOST": host.name, "DB_PORT": str(host.port), "DB_NAME": address.database, "DB_USER": "items_app"}
    for name, value in variables.items():
        told.setenv(name, value)
    app = create_app()
    transport = httpx2.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport, base_url="http://s") as http:
        assert (await http.post("/", json={"name": "Lamp"})).status_code == 201
        assert (await http.get("/ready")).json()["database"] == "connected"


def test_the_pool_is_the_storys() -> None:
    """Criterion 5: 5 connections, 10 more, replaced after 300 s."""
    settings = Settings()
    pool = (settings.database_pool_size, settings.database_max_overflow, settings.database_pool_recycle)
    assert pool == (5, 10, 300.0)


async def test_fifteen_requests_have_a_connection_at_once_and_the_sixteenth_waits(database: Database) -> None:
    """Criterion 5: and all are served in the end."""
    release = asyncio.Event()
    holding = asyncio.Semaphore(0)

    async def hold() -> None:
        async with database.session() as session:
            await session.execute(text("SELECT 1"))
            holding.release()
            await release.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(16)]
    for _ in range(15):
        await holding.acquire()
    status = database.pool_status()
    assert (status.checked_out, status.limit, holding.locked()) == (15, 15, True)
    release.set()
    await asyncio.gather(*tasks)


async def test_reconnects_after_the_server_ended_every_connection(
    client: httpx2.AsyncClient, superuser: asyncpg.Connection
) -> None:
    """Criterion 5: no request fails, for a connection that sat idle is looked at before it is used."""
    await asyncio.gather(*(client.get("/items") for _ in range(5)))
    await asyncio.sleep(1.1)
    query = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    assert await superuser.fetchval(query) >= 1
    answers = await asyncio.gather(*(client.get("/items") for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert (await client.get("/ready")).status_code == 200


PLANS = {
    "SELECT * FROM items ORDER BY created_at DESC, id DESC LIMIT 11": "idx_items_created_at",
    "SELECT * FROM items WHERE (created_at, id) < (now() - interval '1 hour', gen_random_uuid())"
    " ORDER BY created_at DESC, id DESC LIMIT 11": "idx_items_created_at",
    "SELECT * FROM items WHERE name = 'Item 77' ORDER BY created_at DESC, id DESC LIMIT 11": "idx_items_name",
    "SELECT * FROM items WHERE id = '00000000-0000-0000-0000-000000000001'": "items_pkey",
}


@pytest.mark.parametrize("query", PLANS)
async def test_the_indexes_serve_what_they_were_made_for(
    database: Database, superuser: asyncpg.Connection, query: str
) -> None:
    """As the application's role, without a look at every row. Without the index there is another plan: the mutant."""
    await superuser.execute(
        "INSERT INTO items (name, created_at)"
        " SELECT 'Item ' || n % 2000, now() - make_interval(mins => n) FROM generate_series(1, 10000) AS n"
    )
    await superuser.execute("ANALYZE items")
    assert PLANS[query] in (plan := await explain(database, query))
    assert "Seq Scan" not in plan
    if PLANS[query] != "items_pkey":
        await superuser.execute(f"DROP INDEX {PLANS[query]}")
        assert PLANS[query] not in await explain(database, query)


async def explain(database: Database, query: str) -> str:
    async with database.session(read_only=True) as session:
        return json.dumps(await session.scalar(text(f"EXPLAIN (FORMAT JSON) {query}")))


async def test_the_demonstration_is_put_in_once(database: Database, client: httpx2.AsyncClient) -> None:
    await demo.seed(database)
    await demo.seed(database)
    assert (await client.get("/items")).json()["total"] == len(demo.NAMES)
