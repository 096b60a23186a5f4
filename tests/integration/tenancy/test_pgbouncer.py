"""Behind a real PgBouncer: any number of processes start, none gets another's rows, and nothing stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import asyncpg
import bookshop
import pytest
from bookshop_processes import run_processes
from pgbouncer import running_pgbouncer

from tenantry import Address
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.secrets import StaticSource

Bounce = Callable[..., Address]


@pytest.fixture
def bounce(shop_address: Address) -> Iterator[Bounce]:
    """Start a PgBouncer and return the application's address by way of it."""
    with ExitStack() as stack:

        def start(size: int, mode: str = "transaction", user: str = bookshop.ROLES.application) -> Address:
            login = shop_address.replace(user=user)
            return stack.enter_context(running_pgbouncer(login, mode=mode, size=size))

        yield start


async def left_behind(way: Address, size: int) -> list[int]:
    """Return how many named statements each of the pooled server connections holds."""

    async def count(connection: asyncpg.Connection) -> int:
        async with connection.transaction():
            await met.wait()  # Every transaction is open, so that each has a server connection of its own.
            found: int = await connection.fetchval("SELECT count(*) FROM pg_prepared_statements")
            return found

    met = asyncio.Barrier(size)
    host = way.hosts[0]
    connections = [
        await asyncpg.connect(
            host=host.name, port=host.port, user=way.user, database=way.database, ssl=False, statement_cache_size=0
        )
        for _ in range(size)
    ]
    try:
        async with asyncio.timeout(10):
            return list(await asyncio.gather(*map(count, connections)))
    finally:
        for connection in connections:
            await connection.close()


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("together", [False, True])
async def test_every_process_can_start(bounce: Bounce, size: int, together: bool) -> None:  # noqa: FBT001
    """Six of them, one after another and at the same time; each asks as `tenantry doctor` does, too."""
    way = bounce(size)
    found = await asyncio.to_thread(run_processes, way, 6, queries=20, together=together)
    assert found == [{"queries": 20, "wrong": 0, "probe": True, "role": bookshop.ROLES.application}] * 6
    assert await left_behind(way, size) == [0] * size


async def test_no_process_gets_the_rows_of_another(bounce: Bounce) -> None:
    way = bounce(3)
    found = await asyncio.to_thread(run_processes, way, 3, queries=400, together=True)
    assert [(one.get("queries"), one.get("wrong")) for one in found] == [(400, 0)] * 3, found
    assert await left_behind(way, 3) == [0] * 3


async def open_connection(address: Address) -> Connection:
    return await connect(StaticSource(address), deadline=5, application_name="test")


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
async def test_it_is_noticed_in_every_mode(bounce: Bounce, mode: str) -> None:
    """In session mode as well: the process that answers is not the one that PgBouncer promised."""
    way = bounce(1, mode)
    for _ in range(3):
        connection = await open_connection(way)
        assert connection.behind_bouncer
        await connection.close()


async def test_the_role_is_looked_at_inside_a_transaction(bounce: Bounce, shop_address: Address) -> None:
    """A login that only becomes the role, as it does in every unit of work, is not judged by itself."""
    login = f"{shop_address.database}_login"
    owner = await open_connection(shop_address)
    await owner.execute(f"CREATE ROLE {login} LOGIN NOINHERIT; GRANT {bookshop.ROLES.application} TO {login}")
    try:
        settings = bookshop.settings_for(shop_address, database_url=bounce(1, user=login).url)
        async with bookshop.open_database(settings) as database:
            facts = (await database.probe.check()).role
        assert facts is not None
        assert (facts.name, facts.login_name) == (bookshop.ROLES.application, login)
    finally:
        await owner.execute(f"DROP ROLE {login}")
        await owner.close()
