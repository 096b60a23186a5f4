"""The engine: what its sessions hold, what its pool allows, and that no preamble outlives a checkout."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import JSON, Column, Integer, MetaData, Table, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres import engine as module
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.pool import PoolStatus, pool_status
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from tests.integration.postgres.conftest import Wire

Make = Callable[..., AsyncEngine]

PREAMBLE = "SET LOCAL app.tenant = 'acme'"
CURRENT = text("SELECT current_setting('app.tenant', true)")


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Engines that are disposed of after the test."""
    engines: list[AsyncEngine] = []

    def new(address: Address, pool: PoolOptions | None = None, **options: Any) -> AsyncEngine:
        source = StaticSource(address)
        engines.append(create_engine(source, pool or PoolOptions(), application_name="test", **options))
        return engines[-1]

    yield new
    for engine in engines:
        await engine.dispose()


async def driver_of(connection: AsyncConnection) -> Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


async def test_json_goes_through_the_codecs(make: Make, empty_database: Address) -> None:
    """SQLAlchemy sets them on its own connections; ours must not miss them."""
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("a", JSON), Column("b", JSONB))
    value = {"model": "gpt", "sizes": [1, 2.5, None], "text": "ü\\\"'"}
    async with make(empty_database).begin() as connection:
        await connection.run_sync(table.metadata.create_all)
        await connection.execute(table.insert().values(id=1, a=value, b=value))
        row = (await connection.execute(select(table.c.a, table.c.b, table.c.b["sizes"][0]))).one()
    assert tuple(row) == (value, value, 1)


async def test_a_session_holds_name_role_and_timeouts(make: Make, empty_database: Address) -> None:
    role = f"{empty_database.database}_role"
    owner = make(empty_database)
    async with owner.begin() as connection:
        await connection.execute(text(f"CREATE ROLE {role}"))
    pool = PoolOptions(statement_timeout=12.5, idle_in_transaction_timeout=0)
    engine = make(empty_database, pool, role=role)
    names = ("application_name", "statement_timeout", "idle_in_transaction_session_timeout", "role")
    async with engine.connect() as connection:
        held = [await connection.scalar(text(f"SHOW {name}")) for name in names]
    await engine.dispose()
    async with owner.begin() as connection:
        await connection.execute(text(f"DROP ROLE {role}"))
    assert held == ["test", "12500ms", "0", role]


async def test_the_preamble_rides_in_the_begin_that_the_first_statement_causes(make: Make, wire: Wire) -> None:
    """SQLAlchemy begins lazily: a preamble set after the checkout is in time, and costs no round trip."""
    engine, counts = make(wire.way), []
    for preamble in ("", "", PREAMBLE, PREAMBLE):
        async with engine.connect() as connection:
            (await driver_of(connection)).preamble = preamble
            wire.talk.clear()
            seen = await connection.scalar(CURRENT)
            await connection.commit()
            counts.append(wire.round_trips)
    assert seen == "acme"
    assert counts[1:] == [3, 3, 3]


async def test_a_checkout_costs_no_round_trip(make: Make, wire: Wire) -> None:
    """Neither taking a connection nor giving it back says anything to the server."""
    engine = make(wire.way)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
        await connection.commit()
        wire.talk.clear()
    async with engine.connect():
        pass
    assert wire.talk == []


@pytest.mark.parametrize("mutant", [False, True])
async def test_no_preamble_outlives_a_checkout(
    make: Make,
    empty_database: Address,
    monkeypatch: Any,
    mutant: bool,  # noqa: FBT001
) -> None:
    if mutant:
        monkeypatch.setattr(module, "_clear_preamble", lambda *_: None)
    engine = make(empty_database)
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        driver.preamble = PREAMBLE
        assert await connection.scalar(CURRENT) == "acme"
    held_while_idle = driver.preamble
    driver.preamble = PREAMBLE  # Somebody kept the driver's connection, and writes to it after giving it back.
    async with engine.connect() as connection:
        assert await driver_of(connection) is driver
        seen = await connection.scalar(CURRENT)
    assert (held_while_idle, seen) == ((PREAMBLE, "acme") if mutant else ("", ""))


async def test_a_full_pool_is_told_within_its_timeout(make: Make, empty_database: Address, elapsed: Any) -> None:
    engine = make(empty_database, PoolOptions(size=1, overflow=1, timeout=0.3))
    async with engine.connect(), engine.connect():
        assert pool_status(engine) == PoolStatus(size=1, checked_out=2, limit=2, opened=2)
        assert pool_status(engine).is_exhausted
        elapsed()
        with pytest.raises(errors.PoolTimeout, match=r"within 0\.3 s. All 2 connections"):
            await engine.connect()
        assert elapsed() < 0.6
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1
        assert not pool_status(engine).is_exhausted


async def test_the_pool_opens_no_more_than_it_says_and_then_keeps_its_size(make: Make, empty_database: Address) -> None:
    engine = make(empty_database, PoolOptions(size=2, overflow=3, idle=0.1))
    count = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    counts: list[int] = []
    everybody_is_in = asyncio.Event()

    async def work() -> None:
        async with engine.connect() as connection:
            counts.append((await connection.execute(count)).scalar_one())
            if len(counts) >= 5:
                everybody_is_in.set()
            await everybody_is_in.wait()

    await asyncio.gather(*(work() for _ in range(20)))
    assert max(counts) == 5
    async with engine.connect() as connection:
        # The surplus rests for a moment first, and the server takes one to see that a client has left.
        for _ in range(100):
            kept = (await connection.execute(count)).scalar_one()
            await connection.commit()  # Within one transaction the view stays as it was.
            if kept == 2:
                break
            await asyncio.sleep(0.02)
        assert kept == 2


async def test_a_database_that_is_down_is_our_error_and_comes_back(make: Make, wire: Wire) -> None:
    """Told as such on the way to a connection; and no restart of the engine is needed."""
    engine = make(wire.way, PoolOptions(timeout=0.2))
    wire.refuse()
    with pytest.raises(errors.DatabaseUnavailable, match="No server listens"):
        await engine.connect()
    await wire.open()
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


async def test_a_short_absence_is_not_noticed_by_requests(make: Make, wire: Wire) -> None:
    """The server is away for less than the pool's timeout, and 30 requests that come meanwhile are all served."""
    engine = make(wire.way)
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
    wire.refuse()
    await asyncio.sleep(0.01)

    async def request() -> Any:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1"))

    requests = [asyncio.create_task(request()) for _ in range(30)]
    await asyncio.sleep(1)
    await wire.open()
    assert await asyncio.gather(*requests) == [1] * 30


async def test_values_stay_out_of_errors(make: Make, empty_database: Address) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True), Column("secret", JSON))
    engine = make(empty_database)
    async with engine.begin() as connection:
        await connection.run_sync(table.metadata.create_all)
        await connection.execute(table.insert().values(id=1, secret="first"))
    with pytest.raises(IntegrityError) as caught:
        async with engine.begin() as connection:
            await connection.execute(table.insert().values(id=1, secret="hunter2"))
    assert "hunter2" not in str(caught.value)


async def test_behind_a_pooler_no_statement_has_a_name(make: Make, wire: Wire) -> None:
    """Another client's statement of the same name would be run in place of ours, and ours would stay behind."""
    wire.refuses_settings = True
    engine = make(wire.way)
    wire.talk.clear()
    for _ in range(3):
        async with engine.connect() as connection:
            assert await connection.scalar(text("SELECT 1")) == 1
            assert await connection.scalar(text("SHOW statement_timeout")) == "30s"
    parsed = [data for speaker, data in wire.talk if speaker == "client" and data.startswith(b"P")]
    assert len(parsed) >= 6
    assert {data[5:].split(b"\0")[0] for data in parsed} == {b""}


async def test_a_cancelled_request_leaves_nothing_behind(make: Make, empty_database: Address) -> None:
    """Cancelled anywhere between checkout and commit: no transaction, no preamble, no lost slot."""
    engine = make(empty_database, PoolOptions(size=2, overflow=0))

    async def request() -> None:
        async with engine.connect() as connection:
            (await driver_of(connection)).preamble = PREAMBLE
            await connection.execute(text("SELECT pg_sleep(0.002)"))
            await connection.commit()

    for round_ in range(40):
        tasks = [asyncio.create_task(request()) for _ in range(3)]
        await asyncio.sleep(0.0004 * (round_ % 20))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with engine.connect() as connection:
            assert not (await driver_of(connection)).is_in_transaction()
            assert await connection.scalar(CURRENT) in {"", None}


async def test_a_connection_that_cannot_be_set_up_is_our_error(
    make: Make, empty_database: Address, monkeypatch: Any
) -> None:
    """The driver's raw errors, also those of SQLAlchemy's own first statements, do not reach the application."""

    async def break_(*_args: Any, **_options: Any) -> Connection:
        raise ConnectionResetError

    monkeypatch.setattr("tenantry.postgres.engine.Connector.connect", break_)
    with pytest.raises(errors.DatabaseUnavailable, match="ConnectionResetError"):
        await make(empty_database).connect()
