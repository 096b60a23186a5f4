"""A whole unit of work is done again when that is safe; what may have been committed is not."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry import errors
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.retry import constraint_of, is_retryable, retry_transaction, sqlstate_of
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from password_server import PasswordServer
    from tests.integration.postgres.conftest import Wire


@pytest.fixture
async def engine(wire: Wire) -> AsyncIterator[AsyncEngine]:
    """An engine over the wire, on a database with one table of two accounts."""
    made = create_engine(StaticSource(wire.way), PoolOptions(), application_name="test")
    async with made.begin() as connection:
        await connection.execute(text("CREATE TABLE account (id int CONSTRAINT account_key PRIMARY KEY, money int)"))
        await connection.execute(text("INSERT INTO account VALUES (1, 100), (2, 100)"))
    yield made
    await made.dispose()


async def money(engine: AsyncEngine, account: int = 1) -> Any:
    async with engine.connect() as connection:
        return await connection.scalar(text("SELECT money FROM account WHERE id = :id"), {"id": account})


async def test_serialization_failures_are_done_again(engine: AsyncEngine) -> None:
    """Six that read and write the same row at once: every one counts, and some had to go twice."""
    tries = 0

    async def withdraw() -> None:
        nonlocal tries
        tries += 1
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="SERIALIZABLE")
            left = await connection.scalar(text("SELECT money FROM account WHERE id = 1"))
            await asyncio.sleep(0.01)
            await connection.execute(text("UPDATE account SET money = :left WHERE id = 1"), {"left": left - 1})
            await connection.commit()

    await asyncio.gather(*(retry_transaction(withdraw, attempts=20) for _ in range(6)))
    assert await money(engine) == 94
    assert tries > 6


async def test_a_deadlock_is_done_again(engine: AsyncEngine) -> None:
    async def transfer(first: int, second: int) -> None:
        async with engine.begin() as connection:
            for account in (first, second):
                await connection.execute(text("UPDATE account SET money = money + 1 WHERE id = :id"), {"id": account})
                await asyncio.sleep(0.05)

    await asyncio.gather(retry_transaction(lambda: transfer(1, 2)), retry_transaction(lambda: transfer(2, 1)))
    assert (await money(engine, 1), await money(engine, 2)) == (102, 102)


async def test_a_connection_lost_before_commit_is_done_again(engine: AsyncEngine, wire: Wire) -> None:
    tries = 0

    async def deposit() -> None:
        nonlocal tries
        tries += 1
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE account SET money = money + 1 WHERE id = 1"))
            if tries == 1:
                wire.cut()
            await connection.execute(text("UPDATE account SET money = money + 1 WHERE id = 1"))

    await retry_transaction(deposit)
    assert (tries, await money(engine)) == (2, 102)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT])
async def test_no_unit_of_work_fails_when_the_server_is_restarted(
    password_server: PasswordServer, number: signal.Signals
) -> None:
    """A real one, shut down in good order or not: what was under way is done again, what comes meanwhile waits."""
    engine = create_engine(StaticSource(password_server.address), PoolOptions(), application_name="test")
    is_over, done = False, 0

    async def unit() -> None:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_sleep(0.01)"))

    async def work() -> None:
        nonlocal done
        while not is_over:
            await retry_transaction(unit)
            done += 1

    async def progress() -> None:
        begun = done
        async with asyncio.timeout(10):
            while done < begun + 20:  # noqa: ASYNC110  # a count is no event
                await asyncio.sleep(0.01)

    workers = [asyncio.create_task(work()) for _ in range(8)]
    await progress()
    await asyncio.to_thread(password_server.stop, number)
    password_server.process = password_server.start()
    await progress()
    is_over = True
    outcomes = await asyncio.gather(*workers, return_exceptions=True)
    await engine.dispose()
    await asyncio.to_thread(password_server.wait)
    # Whether a COMMIT under way was done, nobody can say, and `unit` writes nothing: those alone may be told.
    assert [outcome for outcome in outcomes if not isinstance(outcome, errors.OutcomeUnknown | None)] == []


@pytest.mark.parametrize("delivers", [True, False])
async def test_a_lost_commit_is_never_done_again(engine: AsyncEngine, wire: Wire, delivers: bool) -> None:  # noqa: FBT001
    """Doing it again could do it twice: with the mutant that would, the first case gives 102."""
    tries = 0

    async def deposit() -> None:
        nonlocal tries
        tries += 1
        async with engine.begin() as connection:
            await connection.execute(text("UPDATE account SET money = money + 1 WHERE id = 1"))
            wire.cut_on, wire.delivers = b"COMMIT", delivers

    with pytest.raises(errors.OutcomeUnknown):
        await retry_transaction(deposit)
    wire.cut_on = None
    assert (tries, await money(engine)) == (1, 100 + int(delivers))


async def test_a_refused_row_is_not_tried_again_and_names_its_constraint(engine: AsyncEngine) -> None:
    tries = 0

    async def insert() -> None:
        nonlocal tries
        tries += 1
        async with engine.begin() as connection:
            await connection.execute(text("INSERT INTO account VALUES (1, 0)"))

    with pytest.raises(IntegrityError) as caught:
        await retry_transaction(insert)
    assert (tries, sqlstate_of(caught.value), constraint_of(caught.value)) == (1, "23505", "account_key")


@pytest.mark.parametrize("statement", ["SELECT * FROM missing", "SELECT 1/0", "SELEC", "SELECT pg_sleep(1)"])
async def test_a_statement_that_is_wrong_is_not_retryable(engine: AsyncEngine, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with engine.begin() as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 50"))
            await connection.execute(text(statement))
    assert not is_retryable(caught.value)


async def test_a_database_that_is_away_is_retryable(engine: AsyncEngine, wire: Wire) -> None:
    """Nothing was sent; while a wrong database's name stays wrong."""
    wire.refuse()
    await asyncio.sleep(0.01)
    quick = create_engine(StaticSource(wire.way), PoolOptions(timeout=0.01), application_name="test")
    with pytest.raises(errors.DatabaseUnavailable) as away:
        await quick.connect()
    await quick.dispose()
    await wire.open()
    lost = create_engine(StaticSource(wire.way.replace(database="ghost")), PoolOptions(), application_name="test")
    with pytest.raises(errors.DatabaseUnavailable) as wrong:
        await lost.connect()
    await lost.dispose()
    assert (is_retryable(away.value), is_retryable(wrong.value)) == (True, False)
