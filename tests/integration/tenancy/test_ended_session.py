"""A session that is used after its unit of work raises at once, on every path, and takes no connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from bookshop import Author, Book, Currency
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError, ResourceClosedError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import DetachedInstanceError

from tenantry import Database, errors
from tenantry.tenancy.ended_session import HARMLESS, EndedSession

COUNT = select(func.count()).select_from(Currency)

# Each takes a session of a unit of work that has ended.
WRITING: dict[str, Callable[[Any], Awaitable[Any]]] = {}
READING: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "execute": lambda session: session.execute(COUNT),
    "scalar": lambda session: session.scalar(COUNT),
    "scalars": lambda session: session.scalars(COUNT),
    "stream": lambda session: session.stream(COUNT),
    "stream_scalars": lambda session: session.stream_scalars(COUNT),
    "get": lambda session: session.get(Currency, "EUR"),
    "refresh": lambda session: session.refresh(Currency(code="EUR")),
    "connection": lambda session: session.connection(),
}


def writing(function: Callable[[Any], Awaitable[Any]]) -> Callable[[Any], Awaitable[Any]]:
    WRITING[function.__name__] = function
    return function


@writing
async def add(session: Any) -> None:
    session.add(Currency(code="USD"))


@writing
async def add_all(session: Any) -> None:
    session.add_all([])


@writing
async def flush(session: Any) -> None:
    await session.flush()


@writing
async def delete(session: Any) -> None:
    await session.delete(Currency(code="EUR"))


@writing
async def merge(session: Any) -> None:
    await session.merge(Currency(code="EUR"))


@writing
async def get_one(session: Any) -> None:
    await session.get_one(Currency, "EUR")


@writing
async def begin(session: Any) -> None:
    async with session.begin():
        pass


@writing
async def begin_nested(session: Any) -> None:
    async with session.begin_nested():
        pass


@writing
async def commit(session: Any) -> None:
    await session.commit()


@writing
async def expire(session: Any) -> None:
    session.expire(Currency(code="EUR"))


@writing
async def expire_all(session: Any) -> None:
    session.expire_all()


@writing
async def run_sync(session: Any) -> None:
    await session.run_sync(lambda _session: None)


@writing
async def sync_session(session: Any) -> None:
    session.sync_session.add(Currency(code="USD"))


@writing
async def query(session: Any) -> None:
    session.sync_session.query(Currency)


@writing
async def bulk_insert(session: Any) -> None:
    session.sync_session.bulk_insert_mappings(Currency, [])


@writing
async def reset_and_add(session: Any) -> None:
    await session.reset()
    session.add(Currency(code="USD"))


async def ended(shop: Database, kind: str, ending: str) -> Any:
    """Return the session of a unit of work that ended by a commit, by an error or by a cancellation."""
    units: dict[str, Callable[[], Any]] = {
        "tenant": lambda: shop.tenant("acme"),
        "tenant read-only": lambda: shop.tenant("acme", read_only=True),
        "unscoped": shop.session,
        "unscoped read-only": lambda: shop.session(read_only=True),
        "admin": lambda: shop.admin(reason="test"),
    }
    kept = None
    with contextlib.suppress(RuntimeError, TimeoutError):
        async with units[kind]() as session:
            kept = session
            await session.scalar(COUNT)
            if ending == "error":
                raise RuntimeError
            if ending == "cancellation":
                async with asyncio.timeout(0.01):
                    await session.execute(text("SELECT pg_sleep(5)"))
    return kept


@pytest.mark.parametrize("ending", ["commit", "error", "cancellation"])
@pytest.mark.parametrize("kind", ["tenant", "tenant read-only", "unscoped", "unscoped read-only", "admin"])
async def test_every_method_raises_and_takes_no_connection(shop: Database, kind: str, ending: str) -> None:
    session = await ended(shop, kind, ending)
    methods = READING if "read-only" in kind else {**READING, **WRITING}
    for name, use in methods.items():
        with pytest.raises(errors.SessionEnded) as caught:
            await use(session)
        assert "database.tenant(" in caught.value.remedy, name
    assert shop.pool_status().checked_out == 0


async def test_cleaning_up_after_the_end_is_allowed(shop: Database) -> None:
    """A `finally` of the caller, which rolls back or closes, must not hide the error before it."""
    async with shop.tenant("acme") as session:
        pass
    await session.rollback()
    await session.close()
    session.expunge_all()


async def test_its_objects_stay_readable_and_load_nothing_more(shop: Database) -> None:
    async with shop.tenant("acme") as session:
        book = Book(title="Title", author=Author(name="Ada"))
        session.add(book)
    assert (book.title, book.author.name, book.tenant_id) == ("Title", "Ada", "acme")
    async with shop.tenant("acme", read_only=True) as reading:
        found = await reading.get(Book, book.id)
    assert found is not None
    with pytest.raises(DetachedInstanceError):
        _ = found.author


async def test_what_was_opened_through_it_is_closed(shop: Database) -> None:
    """A connection, a stream, a savepoint and a raw connection that outlive the session give no rows."""
    async with shop.tenant("acme") as session:
        connection = await session.connection()
        raw = await connection.get_raw_connection()
        stream = await session.stream(select(func.generate_series(1, 10_000)))
        nested = await session.begin_nested()
    with pytest.raises(ResourceClosedError):
        await connection.execute(COUNT)
    with pytest.raises(ResourceClosedError):
        await connection.get_raw_connection()
    with pytest.raises(ResourceClosedError):
        [row async for row in stream]
    with pytest.raises(ResourceClosedError):
        await nested.commit()
    assert raw.driver_connection is None
    assert shop.pool_status().checked_out == 0


async def test_sessions_that_outlive_their_block_hold_no_connection(shop: Database) -> None:
    """More of them than the pool has connections; before, twenty held the pool, and their rows were lost."""
    kept = []
    for _ in range(25):
        async with shop.tenant("acme") as session:
            pass
        with pytest.raises(errors.SessionEnded):
            session.add(Author(name="lost"))
        kept.append(session)
    assert shop.pool_status().checked_out == 0
    async with shop.tenant("acme") as session:
        assert await session.scalar(select(func.count()).select_from(Author)) == 0


async def test_a_task_that_outlives_the_block_is_refused(shop: Database) -> None:
    is_over = asyncio.Event()
    async with shop.tenant("acme") as session:

        async def later() -> None:
            await is_over.wait()
            await session.execute(insert(Author).values(name="late"))

        task = asyncio.create_task(later())
        await session.scalar(COUNT)
    is_over.set()
    with pytest.raises(errors.SessionEnded):
        await task
    assert shop.pool_status().checked_out == 0


async def test_a_statement_of_another_task_that_still_runs_at_the_end_leaves_no_connection_behind(
    shop: Database,
) -> None:
    """The unit of work cannot be committed then, and says so; its connection goes back all the same."""
    tasks: list[asyncio.Task[Any]] = []
    with pytest.raises(DBAPIError, match="another operation is in progress"):
        async with shop.tenant("acme") as session:
            await session.scalar(COUNT)
            tasks.append(asyncio.create_task(session.execute(text("SELECT pg_sleep(0.3)"))))
            await asyncio.sleep(0.05)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert shop.pool_status().checked_out == 0
    async with shop.tenant("globex", read_only=True) as reading:
        assert await reading.scalar(text("SELECT current_setting('app.current_tenant_id')")) == "globex"


@pytest.mark.parametrize("statement", ["SELECT 1", "SELECT pg_sleep(0.1)"])
async def test_two_tasks_that_open_the_connection_at_once_leave_none_behind(shop: Database, statement: str) -> None:
    """SQLAlchemy refuses the second task; the first one's connection must not wait for the collector."""
    kept = []
    with pytest.raises(InvalidRequestError, match="concurrent operations are not permitted"):
        async with shop.tenant("acme") as session:
            kept.append(session)
            await asyncio.gather(*(session.execute(text(statement)) for _ in range(3)))
    assert shop.pool_status().checked_out == 0


async def test_an_error_of_the_block_is_not_replaced_by_one_of_its_end(shop: Database) -> None:
    with pytest.raises(RuntimeError, match="own"):
        async with shop.tenant("acme") as session:
            task = asyncio.create_task(session.execute(text("SELECT pg_sleep(0.3)")))
            await asyncio.sleep(0.1)
            raise RuntimeError("own")
    assert shop.pool_status().checked_out == 0
    await asyncio.gather(task, return_exceptions=True)


async def test_a_generator_that_keeps_the_block_open_is_no_end(shop: Database) -> None:
    """An asynchronous generator may hold a unit of work; its session ends with the generator."""

    async def numbers() -> AsyncIterator[int]:
        async with shop.tenant("acme", read_only=True) as session:
            for row in await session.scalars(select(func.generate_series(1, 3))):
                yield row

    assert [number async for number in numbers()] == [1, 2, 3]
    assert shop.pool_status().checked_out == 0


async def test_a_generator_that_another_task_closes_ends_its_unit_of_work(shop: Database) -> None:
    """So the event loop closes an abandoned generator; the tenant of the logs belongs to another context there."""

    async def numbers() -> AsyncGenerator[int, None]:
        async with shop.tenant("acme", read_only=True) as session:
            for row in await session.scalars(select(func.generate_series(1, 3))):
                yield row

    opened = numbers()
    assert await asyncio.create_task(anext(opened)) == 1
    assert shop.pool_status().checked_out == 1
    await asyncio.create_task(opened.aclose())
    assert shop.pool_status().checked_out == 0


def test_the_class_of_an_ended_session_refuses_all_methods_but_the_harmless_ones() -> None:
    """A method that a later SQLAlchemy adds is refused; one that it removes or renames must leave the list."""
    public = {name for name in vars(Session) if not name.startswith("_") and callable(getattr(Session, name))}
    refused = {name for name in vars(EndedSession) if not name.startswith("_")}
    assert public - refused == HARMLESS
