"""No dead connection reaches a request; each test that says so has a mutant in which one does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres import engine as module
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.liveness import Liveness
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from tests.integration.postgres.conftest import Wire

Make = Callable[..., AsyncEngine]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Engines that are disposed of after the test."""
    engines: list[AsyncEngine] = []

    def new(address: Address, pool: PoolOptions | None = None) -> AsyncEngine:
        engines.append(create_engine(StaticSource(address), pool or PoolOptions(), application_name="test"))
        return engines[-1]

    yield new
    for engine in engines:
        await engine.dispose()


async def fill(engine: AsyncEngine, count: int) -> None:
    """Open `count` connections, and give them back."""
    connections = [await engine.connect() for _ in range(count)]
    for connection in connections:
        await connection.execute(text("SELECT 1"))
        await connection.commit()
    for connection in connections:
        await connection.close()


async def driver_of(connection: AsyncConnection) -> Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


def terminate_others(address: Address) -> None:
    """End every other session of the database, from a thread: our event loop must not see it happen."""

    async def run() -> None:
        killer = await asyncpg.connect(
            host=address.hosts[0].name, port=address.hosts[0].port, user=address.user, database=address.database
        )
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        await killer.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        for _ in range(500):
            if not await killer.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {others}"):
                break
            await asyncio.sleep(0.01)
        await killer.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    thread.join()


@pytest.mark.parametrize("mutant", [False, True])
@pytest.mark.parametrize("idle", [0.0, 1.1])
async def test_after_a_restart_no_request_gets_a_dead_connection(
    make: Make,
    empty_database: Address,
    monkeypatch: Any,
    idle: float,
    mutant: bool,  # noqa: FBT001
) -> None:
    """20 connections in the pool, all ended by the server; of 50 requests none fails. The mutant looks at nothing."""
    if mutant:
        monkeypatch.setattr(Liveness, "check", lambda *_: None)
    engine = make(empty_database, PoolOptions(size=20, overflow=0))
    await fill(engine, 20)
    await asyncio.sleep(idle)
    terminate_others(empty_database)

    async def request() -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    answers = await asyncio.gather(*(request() for _ in range(50)), return_exceptions=True)
    failed = [answer for answer in answers if answer != 1]
    assert bool(failed) is mutant, failed[:1]


async def test_a_silent_peer_costs_one_deadline_and_no_request(make: Make, wire: Wire, elapsed: Any) -> None:
    """Nothing closed the sockets, as when a cable is pulled: one ping finds out, and condemns the others too."""
    engine = make(wire.way)
    await fill(engine, 3)
    await asyncio.sleep(1.1)
    wire.mute()
    elapsed()
    for _ in range(3):
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
    assert 1.9 < elapsed() < 3


async def test_without_the_ping_a_silent_peer_hangs_the_request(make: Make, wire: Wire, monkeypatch: Any) -> None:
    """The mutant of the test above."""

    async def believe(_connection: Connection, _deadline: float) -> bool:
        return True

    monkeypatch.setattr("tenantry.postgres.liveness.is_alive", believe)
    engine = make(wire.way)
    await fill(engine, 1)
    await asyncio.sleep(1.1)
    wire.mute()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3), engine.connect() as connection:
            await connection.execute(text("SELECT 1"))


async def test_between_its_last_words_and_its_end_a_connection_is_dead(make: Make, wire: Wire) -> None:
    """57P01 has come, the end of the stream has not: asyncpg holds such a connection for open, and cannot use it."""
    engine = make(wire.way)
    await fill(engine, 3)
    wire.say_last_words()
    for _ in range(3):
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1


async def test_only_a_rested_connection_is_pinged(make: Make, wire: Wire) -> None:
    engine = make(wire.way)
    await fill(engine, 1)
    said = []
    for pause in (0, 1.1):
        await asyncio.sleep(pause)
        wire.talk.clear()
        async with engine.connect():
            said.append([data for speaker, data in wire.talk if speaker == "client"])
    assert said == [[], [b"Q\x00\x00\x00\rSELECT 1\x00"]]


async def test_a_demoted_server_empties_the_pool(make: Make, empty_database: Address) -> None:
    """SQLSTATE 25006, and the session itself reports that it is read-only: what comes next is a new connection."""
    owner = await connect(StaticSource(empty_database), deadline=5, application_name="owner")
    await owner.execute("CREATE TABLE t (a int)")
    await owner.execute(f"ALTER DATABASE {empty_database.database} SET default_transaction_read_only = on")
    engine = make(empty_database)
    await fill(engine, 2)
    await owner.execute("SET default_transaction_read_only = off")
    await owner.execute(f"ALTER DATABASE {empty_database.database} RESET default_transaction_read_only")
    await owner.close()
    with pytest.raises(DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))
    assert caught.value.connection_invalidated
    for _ in range(2):
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO t VALUES (1)"))


async def test_a_write_in_a_read_only_transaction_keeps_the_pool(make: Make, empty_database: Address) -> None:
    """The same SQLSTATE, and the server is well."""
    engine = make(empty_database)
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE t (a int)"))
        before = await driver_of(connection)
    with pytest.raises(DBAPIError) as caught:
        async with engine.connect() as connection:
            await connection.execution_options(postgresql_readonly=True)
            await connection.execute(text("INSERT INTO t VALUES (1)"))
    assert not caught.value.connection_invalidated
    async with engine.connect() as connection:
        assert await driver_of(connection) is before


async def test_a_frozen_server_ends_a_statement_by_our_own_limit(
    make: Make, wire: Wire, monkeypatch: Any, elapsed: Any
) -> None:
    """It enforces no timeout; the connection is dropped, the others stay."""
    monkeypatch.setattr(module, "GRACE", 0.2)
    engine = make(wire.way, PoolOptions(statement_timeout=0.3))
    await fill(engine, 2)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        wire.freeze()
        elapsed()
        with pytest.raises(errors.DatabaseUnavailable, match="No answer arrived"):
            await connection.execute(text("SELECT 2"))
        assert connection.invalidated
    assert 0.4 < elapsed() < 1
    wire.thaw()
    accepted = wire.accepted
    async with engine.connect() as first, engine.connect() as second:
        assert [await connection.scalar(text("SELECT 1")) for connection in (first, second)] == [1, 1]
    assert wire.accepted == accepted + 1


async def test_a_statement_that_is_too_slow_keeps_its_connection(make: Make, empty_database: Address) -> None:
    """The server's own timeout, SQLSTATE 57014, says nothing against the connection."""
    engine = make(empty_database, PoolOptions(statement_timeout=0.1))
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        with pytest.raises(DBAPIError, match="statement timeout"):
            await connection.execute(text("SELECT pg_sleep(1)"))
    async with engine.connect() as connection:
        assert await driver_of(connection) is driver
