"""A connection whose state is not known is ended: the pool's next checkout is clean, whatever failed, and where."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenantry import errors
from tenantry.postgres import engine as module
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.pool import pool_status
from tenantry.postgres.retry import is_retryable
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from tests.integration.postgres.conftest import Wire

PREAMBLE = "SET LOCAL app.tenant = 'acme'"
BROKEN_PREAMBLE = "SET LOCAL statement_timeout = 'never'"

# A COMMIT that is a message of its own: what cleans a session ends with one too, in front of BEGIN.
COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"

# The command that meets the fault, and what the wire knows it by.
COMMANDS = {
    "BEGIN": b"BEGIN",
    "the rollback of a failed preamble": b"ROLLBACK;",
    "SAVEPOINT": b"SAVEPOINT",
    "RELEASE SAVEPOINT": b"RELEASE",
    "ROLLBACK TO SAVEPOINT": b"ROLLBACK TO",
    "a statement": b"the statement",
    "COMMIT": COMMIT,
    "ROLLBACK": b"ROLLBACK;",
}
# The answer is lost, the message is lost, the caller leaves before the answer, the connection is cut.
FAULTS = ("lost answer", "lost message", "cancelled", "cut")


class UndoneError(Exception):
    """What a unit of work is rolled back for."""


@pytest.fixture
async def engine(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncEngine]:
    """One connection by way of the wire, which waits half a second for an answer."""
    monkeypatch.setattr(module, "GRACE", 0.2)
    pool = PoolOptions(size=1, overflow=0, statement_timeout=0.3)
    engine = create_engine(StaticSource(wire.way), pool, application_name="test")
    async with engine.connect() as connection:
        await connection.execute(text("CREATE TABLE t (a int)"))
        await connection.commit()
    yield engine
    await engine.dispose()


async def driver_of(connection: AsyncConnection) -> Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


async def by_the_driver(engine: AsyncEngine, command: str) -> None:
    """Work with asyncpg's own transactions, of which SQLAlchemy and its pool know nothing."""
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        driver.preamble = BROKEN_PREAMBLE if "preamble" in command else PREAMBLE
        async with driver.transaction():
            with contextlib.suppress(UndoneError):
                async with driver.transaction():
                    await driver.fetchval("SELECT 'the statement'")
                    if command == "ROLLBACK TO SAVEPOINT":
                        raise UndoneError
            if command == "ROLLBACK":
                raise UndoneError


async def by_sqlalchemy(engine: AsyncEngine, command: str) -> None:
    """Do the same through SQLAlchemy, which prepares the commands for savepoints."""
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        driver.preamble = BROKEN_PREAMBLE if "preamble" in command else PREAMBLE
        savepoint = await connection.begin_nested()
        await connection.execute(text("SELECT 'the statement'"))
        await (savepoint.rollback() if command == "ROLLBACK TO SAVEPOINT" else savepoint.commit())
        await (connection.rollback() if command == "ROLLBACK" else connection.commit())


Work = Callable[[AsyncEngine, str], Any]


def arm(wire: Wire, fault: str, command: bytes) -> None:
    wire.talk.clear()
    wire.is_muted.clear()
    wire.delivers = fault != "lost message"
    if fault == "cut":
        wire.cut_on = command
    else:
        wire.mute_on = command


def disarm(wire: Wire) -> None:
    wire.mute_on = wire.cut_on = None


async def meet(wire: Wire, work: Any, fault: str, command: bytes) -> BaseException | None:
    """Run the work into the fault and return what its caller sees."""
    arm(wire, fault, command)
    task = asyncio.ensure_future(work)
    if fault == "cancelled":
        await wire.is_muted.wait()
        task.cancel()
    error: BaseException | None
    (error,) = await asyncio.gather(task, return_exceptions=True)
    assert any(command in data for _, data in wire.talk), "The fault was never met."
    disarm(wire)
    return error


async def expect_clean(engine: AsyncEngine) -> None:
    """Two more checkouts are not in a transaction, and are told what they ask for."""
    assert pool_status(engine).checked_out == 0
    for number in range(2):
        async with asyncio.timeout(5), engine.connect() as connection:
            assert not (await driver_of(connection)).is_in_transaction()
            answer = await connection.execute(
                text("SELECT CAST(:n AS int), current_setting('app.tenant', true)"), {"n": number}
            )
            seen = answer.one()
            assert (seen[0], seen[1] or "") == (number, "")


@pytest.mark.parametrize("work", [by_the_driver, by_sqlalchemy])
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", COMMANDS)
async def test_after_a_lost_answer_the_next_checkout_is_clean(
    wire: Wire, engine: AsyncEngine, command: str, fault: str, work: Work
) -> None:
    error = await meet(wire, work(engine, command), fault, COMMANDS[command])
    is_nested = "SAVEPOINT" in command or command == "a statement"
    if fault == "cancelled" and not (is_nested and work is by_the_driver):
        assert isinstance(error, asyncio.CancelledError)
    elif command == "COMMIT":
        assert isinstance(error, errors.OutcomeUnknown)
    else:
        # Inside a transaction asyncpg's own `async with` tells how its ROLLBACK failed.
        assert isinstance(error, Exception)
        assert not isinstance(error, errors.OutcomeUnknown)
    await expect_clean(engine)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_preamble_that_failed_is_told_although_its_rollback_was_lost(
    wire: Wire, engine: AsyncEngine, fault: str
) -> None:
    error = await meet(wire, by_the_driver(engine, "the rollback of a failed preamble"), fault, b"ROLLBACK;")
    expected = asyncio.CancelledError if fault == "cancelled" else asyncpg.InvalidParameterValueError
    assert isinstance(error, expected)


@pytest.mark.parametrize("fault", ["lost answer", "cancelled"])
async def test_a_statement_outside_of_a_transaction_is_not_left_to_the_next(
    wire: Wire, engine: AsyncEngine, fault: str
) -> None:
    """The driver's connection goes back to the pool while its statement is being cancelled."""

    async def work() -> None:
        async with engine.connect() as connection:
            await (await driver_of(connection)).fetchval("SELECT 'the statement'")

    error = await meet(wire, work(), fault, b"the statement")
    assert isinstance(error, asyncio.CancelledError if fault == "cancelled" else TimeoutError)
    await expect_clean(engine)


async def test_a_transaction_begun_by_hand_does_not_go_back_to_the_pool(engine: AsyncEngine) -> None:
    """Nothing failed: someone forgot its end."""
    async with engine.connect() as connection:
        await (await driver_of(connection)).execute("BEGIN; INSERT INTO t VALUES (1)")
    await expect_clean(engine)


@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
async def test_an_end_that_was_never_sent_does_not_leave_the_transaction_open(
    wire: Wire, engine: AsyncEngine, ending: str
) -> None:
    """The driver refuses it (InterfaceError) while another statement runs; its transaction is over all the same."""
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        await connection.execute(text("INSERT INTO t VALUES (1)"))
        running = asyncio.ensure_future(driver.execute("SELECT pg_sleep(10)"))
        await asyncio.sleep(0.05)
        with pytest.raises(DBAPIError, match="another operation is in progress"):
            await (connection.commit() if ending == "COMMIT" else connection.rollback())
        await asyncio.gather(running, return_exceptions=True)
    await expect_clean(engine)
    async with engine.connect() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM t")) == 0


FAILURES: list[BaseException] = [
    TimeoutError(),
    ConnectionResetError(),
    asyncpg.InterfaceError("made up"),
    asyncpg.InternalClientError("made up"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "made up"),
    asyncio.CancelledError(),
    KeyboardInterrupt(),
]


@pytest.mark.parametrize("command", ["BEGIN", "COMMIT", "ROLLBACK"])
@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
async def test_whatever_the_driver_raises_the_connection_is_ended(
    wire: Wire, engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch, command: str, failure: BaseException
) -> None:
    """The server has answered here, so only the rule itself can end the connection."""
    execute = asyncpg.Connection.execute

    async def fail(self: Connection, query: str, *args: Any, **options: Any) -> str:
        status: str = await execute(self, query, *args, **options)
        if query.startswith(command):
            raise failure
        return status

    connection = await connect(StaticSource(wire.way), deadline=5, application_name="test")
    monkeypatch.setattr(asyncpg.Connection, "execute", fail)
    is_unsent = isinstance(failure, asyncpg.InterfaceError) or not isinstance(failure, Exception)
    expected = errors.OutcomeUnknown if command == "COMMIT" and not is_unsent else type(failure)
    with pytest.raises(expected):
        await connection.execute("BEGIN")
        await connection.execute(command)
    assert connection.is_closed()
    assert connection.is_abandoned


async def test_our_own_limit_at_commit_does_not_empty_the_pool(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says something about this connection alone."""
    monkeypatch.setattr(module, "GRACE", 0.2)
    engine = create_engine(StaticSource(wire.way), PoolOptions(statement_timeout=0.3), application_name="test")
    async with engine.connect() as first, engine.connect() as second:
        await second.execute(text("SELECT 1"))
        await second.commit()
        await first.execute(text("CREATE TABLE t ()"))
        kept = await driver_of(second)
        await second.close()
        wire.mute_on = COMMIT
        wire.delivers = False
        with pytest.raises(errors.OutcomeUnknown):
            await first.commit()
        disarm(wire)
        assert not kept.is_closed()
    async with engine.connect() as first, engine.connect() as second:
        assert kept in {await driver_of(first), await driver_of(second)}
    await engine.dispose()


async def lose_commit(wire: Wire, fault: str, *statements: str, readonly: bool = True) -> BaseException | None:
    """Lose the COMMIT of a transaction of the driver's, and return what is told."""
    connection = await connect(StaticSource(wire.way), deadline=5, application_name="test")
    await connection.execute("CREATE TABLE IF NOT EXISTS t (a int)")

    async def work() -> None:
        async with connection.transaction(readonly=readonly):
            for statement in statements:
                await connection.fetch(statement)

    limited = asyncio.wait_for(work(), 5)
    connection._config = connection._config._replace(command_timeout=0.3)
    try:
        return await meet(wire, limited, fault, COMMIT)
    finally:
        assert connection.is_closed()


@pytest.mark.parametrize("fault", ["lost answer", "lost message", "cut"])
async def test_a_lost_commit_of_a_read_only_transaction_may_be_repeated(wire: Wire, fault: str) -> None:
    error = await lose_commit(wire, fault, "SELECT 1")
    assert isinstance(error, errors.DatabaseUnavailable)
    assert error.is_repeatable
    assert is_retryable(error)


async def test_it_is_repeated_through_sqlalchemy_too(wire: Wire, engine: AsyncEngine) -> None:
    async def read() -> None:
        async with engine.connect() as connection:
            await connection.execution_options(postgresql_readonly=True)
            await connection.execute(text("SELECT 1"))
            await connection.commit()

    error = await meet(wire, read(), "lost answer", COMMIT)
    assert isinstance(error, errors.DatabaseUnavailable)
    assert is_retryable(error)
    await expect_clean(engine)


@pytest.mark.parametrize(
    "turn", ["SET TRANSACTION READ WRITE", "set transaction read\nwrite", "SET LOCAL transaction_read_only = off"]
)
async def test_a_read_only_transaction_that_was_made_writable_is_unknown(wire: Wire, turn: str) -> None:
    """PostgreSQL takes that before the first query, and the change is committed."""
    error = await lose_commit(wire, "lost answer", turn, "INSERT INTO t VALUES (1)")
    assert isinstance(error, errors.OutcomeUnknown)
    other = await connect(StaticSource(wire.address), deadline=5, application_name="test")
    assert await other.fetchval("SELECT count(*) FROM t") == 1
    await other.close()


@pytest.mark.parametrize(
    "turn",
    [
        "DO $$ BEGIN SET TRANSACTION READ WRITE; END $$",
        "SELECT set_config('transaction_' || 'read_only', 'off', true)",
        "SELECT 1; SET TRANSACTION READ WRITE",
    ],
)
async def test_a_query_fixes_the_mode_of_a_transaction(wire: Wire, turn: str) -> None:
    """The server's rule that lets the commands be told by their text."""
    connection = await connect(StaticSource(wire.way), deadline=5, application_name="test")
    await connection.execute("BEGIN READ ONLY")
    with pytest.raises(asyncpg.PostgresError, match="must be set before any query"):
        await connection.execute(turn)
    await connection.close()


async def test_the_mode_of_one_transaction_is_not_taken_for_that_of_the_next(wire: Wire) -> None:
    """READ ONLY, rolled back; what comes next writes, begun so that only the server sees it."""
    connection = await connect(StaticSource(wire.way), deadline=5, application_name="test")
    await connection.execute("CREATE TABLE t (a int)")
    for end in ("COMMIT", "ROLLBACK"):
        await connection.execute("BEGIN READ ONLY")
        await connection.execute(end)
        assert not connection._is_read_only
    await connection.fetch("BEGIN")
    await connection.execute("INSERT INTO t VALUES (1)")
    error = await meet(wire, connection.execute("COMMIT;"), "cut", COMMIT)
    assert isinstance(error, errors.OutcomeUnknown)
