"""The pool opens what is needed, keeps what is used, closes what rests, and answers within its timeout."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.util import await_only

from tenantry import errors
from tenantry.address import TLS, Address, Host
from tenantry.postgres import acquiring
from tenantry.postgres import engine as engine_module
from tenantry.postgres import pool as pool_module
from tenantry.postgres.connect import Connector, connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.pool import Pool, PoolStatus, pool_status
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from password_server import PasswordServer
    from tests.integration.postgres.conftest import Wire

Make = Callable[..., AsyncEngine]

SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'test'"
LATE = 0.5
# What the pool says when a step without a limit of its own was cut off; each step tells a better reason.
CUT_OFF = "stopped answering"


class ClosingPool(AsyncAdaptedQueuePool):
    """The mutant: SQLAlchemy's own pool, which closes its overflow the moment it comes back."""

    def __init__(self, creator: Any, max_idle: float = 0, lifetime: float = 0, **options: Any) -> None:
        del max_idle, lifetime
        super().__init__(creator, **{**options, "use_lifo": True})


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


def count_events(engine: AsyncEngine) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name in ("connect", "close"):
        event.listen(engine.sync_engine, name, lambda *_, name=name: counts.update([name]))
    return counts


async def sessions(address: Address) -> int:
    """Return how many sessions of the pool the server sees."""
    connection = await connect(StaticSource(address), deadline=5, application_name="watcher")
    try:
        return int(await connection.fetchval(SESSIONS))
    finally:
        await connection.close()


async def until(condition: Callable[[], Any], seconds: float = 5) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "It did not happen in time."
        await asyncio.sleep(0.01)


async def use(engine: AsyncEngine, seconds: float = 0) -> None:
    async with engine.connect() as connection:
        await connection.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": seconds})


async def fill(engine: AsyncEngine, count: int) -> None:
    """Open `count` connections, and give them back."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(engine.connect())


@pytest.mark.parametrize("mutant", [False, True])
async def test_connections_in_use_are_not_closed_under_load(
    make: Make,
    empty_database: Address,
    monkeypatch: Any,
    mutant: bool,  # noqa: FBT001
) -> None:
    """16 tasks, a minimum of 5: each connection is opened once, never more than there may be."""
    if mutant:
        monkeypatch.setattr(engine_module, "Pool", ClosingPool)
    engine = make(empty_database, PoolOptions(size=5, overflow=7, idle=1.0, timeout=30))
    counts, most = count_events(engine), 0
    ends = time.monotonic() + 2.5

    async def work() -> None:
        nonlocal most
        while time.monotonic() < ends:
            async with engine.connect() as connection:
                most = max(most, (await connection.execute(text(SESSIONS))).scalar_one())

    await asyncio.gather(*(work() for _ in range(16)))
    if mutant:
        assert counts["close"] > 0
        return
    assert counts["connect"] == 12
    assert counts["close"] == 0
    assert most == 12


async def test_the_idle_surplus_is_closed_without_any_traffic_and_the_minimum_stays(
    make: Make, empty_database: Address
) -> None:
    engine = make(empty_database, PoolOptions(size=2, overflow=4, idle=0.3))
    counts = count_events(engine)
    await fill(engine, 6)
    assert pool_status(engine) == PoolStatus(size=2, checked_out=0, limit=6, opened=6)
    assert await sessions(empty_database) == 6
    await until(lambda: pool_status(engine).opened == 2)
    await asyncio.sleep(0.5)
    assert pool_status(engine) == PoolStatus(size=2, checked_out=0, limit=6, opened=2)
    assert await sessions(empty_database) == 2
    # It grows and shrinks again.
    await fill(engine, 4)
    assert pool_status(engine).opened == 4
    await until(lambda: pool_status(engine).opened == 2)
    assert counts == {"connect": 8, "close": 6}


async def test_surplus_that_is_used_stays_and_what_lies_below_it_goes(make: Make, empty_database: Address) -> None:
    """Three at a time of six: the connection returned last is taken first, so three rest all the time."""
    engine = make(empty_database, PoolOptions(size=1, overflow=5, idle=0.4))
    await fill(engine, 6)
    counts = count_events(engine)
    ends = time.monotonic() + 1.5

    async def work() -> None:
        while time.monotonic() < ends:
            await use(engine, 0.005)

    await asyncio.gather(*(work() for _ in range(3)))
    assert pool_status(engine).opened == 3
    assert counts == {"close": 3}


async def test_a_busy_surplus_counts_before_the_resting_ones(make: Make, empty_database: Address) -> None:
    """Two in use and a minimum of two: what rests is surplus."""
    engine = make(empty_database, PoolOptions(size=2, overflow=2, idle=0.1))
    async with engine.connect(), engine.connect():
        await fill(engine, 2)
        await until(lambda: pool_status(engine).opened == 2)
        assert pool_status(engine).checked_out == 2


async def test_a_dead_surplus_is_closed_in_silence(make: Make, wire: Wire, caplog: Any) -> None:
    """That a resting connection died is no error of the pool, so nothing is logged."""
    engine = make(wire.way, PoolOptions(size=1, overflow=3, idle=0.2))
    await fill(engine, 4)
    wire.cut()
    await until(lambda: pool_status(engine).opened == 1)
    assert [record for record in caplog.records if record.name.startswith(("sqlalchemy", "tenantry"))] == []


async def test_connections_that_were_opened_together_do_not_expire_together(
    make: Make, empty_database: Address, monkeypatch: Any
) -> None:
    lifetime = 1000.0
    engine = make(empty_database, PoolOptions(size=20, overflow=0, recycle=lifetime))
    counts = count_events(engine)
    closed = []
    for part in (0.0, 0.89, 0.95, 1.0):
        later = time.time() + part * lifetime + 1
        clock = SimpleNamespace(time=lambda later=later: later, monotonic=time.monotonic)
        monkeypatch.setattr(pool_module, "time", clock)
        await fill(engine, 20)
        closed.append(counts["close"])
        monkeypatch.undo()
    assert closed[:2] == [0, 0]
    assert 0 < closed[2] < 20
    assert closed[3] > 20 - closed[2]
    assert pool_status(engine).opened == 20


async def test_without_a_lifetime_no_connection_expires(make: Make, empty_database: Address, monkeypatch: Any) -> None:
    engine = make(empty_database, PoolOptions(recycle=0))
    await fill(engine, 1)
    counts = count_events(engine)
    monkeypatch.setattr(pool_module, "time", SimpleNamespace(time=lambda: time.time() + 1e9, monotonic=time.monotonic))
    await fill(engine, 1)
    assert counts == {}


async def test_dispose_leaves_nothing_behind(empty_database: Address) -> None:
    """No task, no timer, no session; what is in use is closed when it comes back."""
    engine = create_engine(StaticSource(empty_database), PoolOptions(size=1, overflow=5), application_name="test")
    async with engine.connect() as connection:
        await fill(engine, 4)
        pool = engine.pool
        assert isinstance(pool, Pool)
        await engine.dispose()
        assert pool.opened() == 1
        assert await connection.scalar(text("SELECT 1")) == 1
    assert pool.opened() == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not scheduled_of(pool)
    del connection, pool
    gc.collect()  # An open connection that is collected would be a ResourceWarning, which is an error here.
    for _ in range(100):
        if await sessions(empty_database) == 0:
            break
        await asyncio.sleep(0.02)
    assert await sessions(empty_database) == 0
    # An engine may be used again.
    await use(engine)
    assert pool_status(engine).opened == 1
    await engine.dispose()


def scheduled_of(pool: Pool) -> list[Any]:
    """Return the pool's timers that the loop still holds."""
    loop: Any = asyncio.get_running_loop()
    return [timer for timer in loop._scheduled if not timer.cancelled() and "IdleTimer" in repr(timer)]


async def test_dispose_waits_for_a_connection_that_is_being_closed(wire: Wire) -> None:
    """The surplus was due and its server is silent: the task that closes it ends before dispose does."""
    engine = create_engine(StaticSource(wire.way), PoolOptions(size=1, overflow=3, idle=0.1), application_name="test")
    await fill(engine, 4)
    pool = engine.pool
    assert isinstance(pool, Pool)
    wire.freeze()
    await until(lambda: pool.checkedout() == 1)
    assert scheduled_of(pool) == []
    start = time.monotonic()
    await engine.dispose()
    assert time.monotonic() - start < 1.5
    assert pool.opened() == 0
    mine = {task for task in asyncio.all_tasks() if "tenantry" in task.get_name()}
    assert mine == set()


def test_an_engine_serves_one_event_loop_after_another(empty_database: Address) -> None:
    """Disposed of in between, as SQLAlchemy asks; the surplus is closed on the second loop too."""
    engine = create_engine(
        StaticSource(empty_database), PoolOptions(size=1, overflow=2, idle=0.1), application_name="test"
    )

    async def work() -> None:
        await fill(engine, 3)
        await until(lambda: pool_status(engine).opened == 1)
        await fill(engine, 3)
        await engine.dispose()

    for _ in range(2):
        asyncio.run(work())


async def test_a_failed_attempt_to_connect_wakes_the_next_caller(
    make: Make, empty_database: Address, monkeypatch: Any
) -> None:
    """One slot, and the first attempt fails after 0.2 s: the second caller does not wait out the pool's timeout."""
    opened, connect_really = 0, Connector.connect

    async def fail_first(self: Connector, **options: Any) -> Connection:
        nonlocal opened
        opened += 1
        if opened == 1:
            await asyncio.sleep(0.2)
            raise errors.DatabaseUnavailable("x")
        return await connect_really(self, **options)

    monkeypatch.setattr(Connector, "connect", fail_first)
    engine = make(empty_database, PoolOptions(size=1, overflow=0, timeout=20))
    start = time.monotonic()
    results = await asyncio.gather(use(engine), use(engine), use(engine), return_exceptions=True)
    assert [type(result) for result in results] == [errors.DatabaseUnavailable, type(None), type(None)]
    assert time.monotonic() - start < 5


async def test_waiting_requests_are_served_in_their_order(make: Make, empty_database: Address) -> None:
    engine = make(empty_database, PoolOptions(size=1, overflow=0, timeout=20))
    order: list[int] = []

    async def request(number: int) -> None:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            order.append(number)

    await asyncio.gather(*(request(number) for number in range(40)))
    assert order == list(range(40))


async def ask(engine: AsyncEngine) -> tuple[float, BaseException | None]:
    """Return how long it took to get a connection, and how it failed."""
    start = time.monotonic()
    error: BaseException | None = None
    try:
        connection = await engine.connect()
    except errors.DatabaseUnavailable as caught:
        error, took = caught, time.monotonic() - start
    else:
        took = time.monotonic() - start
        await connection.close()
    return took, error


@pytest.mark.parametrize("limit", [1.0, 3.0])
async def test_no_caller_waits_longer_for_a_frozen_server_than_the_pools_timeout(
    make: Make, password_server: PasswordServer, limit: float
) -> None:
    """A real one, stopped by SIGSTOP, with connections that rest, and more callers than slots."""
    engine = make(password_server.address, PoolOptions(size=3, overflow=3, timeout=limit))
    await fill(engine, 4)
    await asyncio.sleep(1.1)
    password_server.signal_all(signal.SIGSTOP)
    try:
        answers = await asyncio.gather(*(ask(engine) for _ in range(20)))
        answers += await asyncio.gather(*(ask(engine) for _ in range(3)))
    finally:
        password_server.signal_all(signal.SIGCONT)
    assert max(took for took, _ in answers) < limit + LATE
    assert {type(error) for _, error in answers} == {errors.DatabaseUnavailable, errors.PoolTimeout}
    assert not any(CUT_OFF in str(error) for _, error in answers)
    # And it is whole afterwards.
    await until(lambda: pool_status(engine).checked_out == 0)
    await fill(engine, 6)


async def test_a_caller_behind_failing_attempts_is_told_why_they_failed(
    make: Make, empty_database: Address, monkeypatch: Any
) -> None:
    """All connections are in use, but not by long work: the callers in front could not open theirs."""

    async def fail(_self: Connector, **_options: Any) -> Connection:
        await asyncio.sleep(0.2)
        raise errors.DatabaseUnavailable("No connection.", why="Nobody answered.", remedy="Check the firewall.")

    engine = make(empty_database, PoolOptions(size=1, overflow=0, timeout=0.5))
    async with engine.connect():
        took, error = await ask(engine)
    assert type(error) is errors.PoolTimeout
    assert "units of work" in error.remedy
    await engine.dispose()
    monkeypatch.setattr(Connector, "connect", fail)
    answers = await asyncio.gather(*(ask(engine) for _ in range(5)))
    assert [type(error) for _, error in answers[:2]] == [errors.DatabaseUnavailable] * 2
    took, error = answers[-1]
    assert type(error) is errors.PoolTimeout
    assert took < 0.5 + LATE
    assert error.why.endswith("the last attempt to open one failed. Nobody answered.")
    assert error.remedy == "Check the firewall."


@pytest.mark.parametrize("hosts", [1, 2])
async def test_no_caller_waits_longer_for_a_server_that_accepts_and_is_silent(make: Make, hosts: int) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await reader.read()
        writer.transport.abort()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    address = Address((Host("127.0.0.1", port),) * hosts, "nobody", "postgres", tls=TLS("disable"))
    engine = make(address, PoolOptions(size=2, overflow=2, timeout=0.8))
    answers = await asyncio.gather(*(ask(engine) for _ in range(10)))
    silent.close()
    await silent.wait_closed()
    assert max(took for took, _ in answers) < 0.8 + LATE
    kinds = Counter(type(error) for _, error in answers)
    assert kinds[errors.DatabaseUnavailable] >= 4
    assert kinds.total() == 10
    assert not any(CUT_OFF in str(error) for _, error in answers)


async def test_what_has_no_limit_of_its_own_is_cut_off_too(make: Make, empty_database: Address) -> None:
    """SQLAlchemy's first statements, or a listener of the application: the pool's timeout bounds them too."""
    engine = make(empty_database, PoolOptions(size=1, overflow=0, timeout=0.3))

    def hang(*_: Any) -> None:
        await_only(asyncio.sleep(60))

    event.listen(engine.sync_engine, "connect", hang)
    took, error = await ask(engine)
    assert took < 0.3 + LATE
    assert type(error) is errors.DatabaseUnavailable
    assert CUT_OFF in str(error)
    event.remove(engine.sync_engine, "connect", hang)
    await use(engine)


async def test_the_work_that_is_done_with_a_connection_is_not_bounded(make: Make, empty_database: Address) -> None:
    """The pool's timeout ends when there is a connection, or none."""
    engine = make(empty_database, PoolOptions(size=1, overflow=0, timeout=0.3))
    async with engine.connect() as connection:
        assert acquiring.time_left(60) == 60
        await connection.execute(text("SELECT pg_sleep(0.6)"))
        with pytest.raises(errors.PoolTimeout):
            await engine.connect()
        assert acquiring.time_left(60) == 60
        await connection.execute(text("SELECT 1"))
