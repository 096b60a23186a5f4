"""A migration changes a type under warm connections: their first statement after it is prepared again, and succeeds.

PostgreSQL refuses a prepared statement whose result type has changed ("cached plan must not change result type"), and
the refusal ends the transaction.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import bookshop
import bookshop_api
import pytest
from sqlalchemy import (
    Enum,
    Index,
    Integer,
    String,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Address, Database, Global, TenantBase, TenantScoped
from tenantry.fastapi.failures import answer_to
from tenantry.postgres.retry import is_retryable, retry_transaction


class Base(TenantBase, DeclarativeBase):
    pass


class Order(TenantScoped, Base):
    __tablename__ = "orders"
    __table_args__ = (UniqueConstraint("tenant_id", "id"), Index(None, "tenant_id"))
    tenant_id: Mapped[str]
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    status: Mapped[str] = mapped_column(String(20), server_default="new")
    count: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    kind: Mapped[str] = mapped_column(Enum("small", "large", name="order_kind"), server_default="small")


class Note(Global, Base):
    __tablename__ = "notes"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    status: Mapped[str] = mapped_column(String(20), server_default="new")
    count: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    kind: Mapped[str] = mapped_column(Enum("small", "large", name="order_kind"), server_default="small")


CHANGES: dict[str, Sequence[str]] = {
    "varchar to text": ["ALTER TABLE {0} ALTER status TYPE text"],
    "longer varchar": ["ALTER TABLE {0} ALTER status TYPE varchar(40)"],
    "integer to bigint": ["ALTER TABLE {0} ALTER count TYPE bigint"],
    "added column": ["ALTER TABLE {0} ADD extra integer"],
    "dropped and added column": [
        "ALTER TABLE {0} DROP count",
        "ALTER TABLE {0} ADD count bigint NOT NULL DEFAULT 1",
    ],
    "recreated table": [
        "ALTER TABLE {0} RENAME TO {0}_before",
        "CREATE TABLE {0} (LIKE {0}_before INCLUDING ALL)",
        "ALTER TABLE {0} OWNER TO bookshop_owner",
        "ALTER TABLE {0} ALTER status TYPE text",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {0} TO bookshop_app, bookshop_admin",
        "DROP TABLE {0}_before",
    ],
    "enum value": ["ALTER TYPE order_kind ADD VALUE 'huge' BEFORE 'small'"],
    "recreated enum": [
        "ALTER TYPE order_kind RENAME TO order_kind_before",
        "CREATE TYPE order_kind AS ENUM ('huge', 'large', 'small')",
        "ALTER TABLE orders ALTER kind DROP DEFAULT, ALTER kind TYPE order_kind USING kind::text::order_kind",
        "ALTER TABLE notes ALTER kind DROP DEFAULT, ALTER kind TYPE order_kind USING kind::text::order_kind",
        "ALTER TABLE orders ALTER kind SET DEFAULT 'small'",
        "ALTER TABLE notes ALTER kind SET DEFAULT 'small'",
        "DROP TYPE order_kind_before",
    ],
}

Model = type[Any]
Work = Callable[[Any, Model], Awaitable[Any]]


async def _select(session: Any, model: Model) -> None:
    (await session.execute(select(model))).all()


async def _filter(session: Any, model: Model) -> None:
    await session.scalars(select(model).where(model.kind == "small", model.status == "new", model.count == 1))


async def _get(session: Any, model: Model) -> None:
    await session.get(model, uuid.uuid4())


async def _star(session: Any, model: Model) -> None:
    (await session.execute(text(f"SELECT * FROM {model.__tablename__}"))).all()


async def _stream(session: Any, model: Model) -> None:
    [row async for row in await session.stream(select(model))]


async def _flush(session: Any, model: Model) -> None:
    session.add(model(kind="small"))


async def _returning(session: Any, model: Model) -> None:
    (await session.execute(insert(model).values(status="new").returning(model))).all()


async def _update(session: Any, model: Model) -> None:
    await session.execute(update(model).where(model.status == "none").values(count=2, kind="large"))


async def _delete(session: Any, model: Model) -> None:
    await session.execute(delete(model).where(model.kind == "large").returning(model.status, model.count))


async def _many(session: Any, model: Model) -> None:
    """The driver's `executemany`."""
    connection = await session.connection()
    statement = (
        update(model.__table__)
        .where(model.__table__.c.status == bindparam("was"))
        .values(count=bindparam("n"), kind="large")
    )
    await connection.execute(statement, [{"was": "none", "n": 1}, {"was": "none", "n": 2}])


READING: list[Work] = [_select, _filter, _get, _star, _stream]
WRITING: list[Work] = [_flush, _returning, _update, _delete, _many]
UNITS: dict[str, tuple[Model, list[Work], Callable[[Database], AbstractAsyncContextManager[Any]]]] = {
    "tenant": (Order, READING + WRITING, lambda database: database.tenant("acme")),
    "read-only": (Order, READING, lambda database: database.tenant("acme", read_only=True)),
    "admin": (Order, READING, lambda database: database.admin(reason="test")),
    "unscoped": (Note, READING + WRITING, lambda database: database.session()),
}


@pytest.fixture
async def address(empty_database: Address) -> Address:
    await bookshop.build(empty_database, Base.metadata)
    return empty_database


@pytest.fixture
async def database(address: Address) -> AsyncIterator[Database]:
    settings = bookshop.settings_for(address)
    async with Database(settings, metadata=Base.metadata, roles=bookshop.ROLES, name="bookshop") as opened:
        yield opened


async def at_once(database: Database, unit: str, work: Work, number: int) -> list[BaseException]:
    """Do the work in `number` units of work on as many connections; return the errors."""
    model, _, opened = UNITS[unit]
    barrier = asyncio.Barrier(number)

    async def one() -> None:
        async with opened(database) as session:
            # The connection is taken here, and no statement is sent.
            await session.connection()
            await barrier.wait()
            await work(session, model)

    found = await asyncio.gather(*(one() for _ in range(number)), return_exceptions=True)
    return [error for error in found if isinstance(error, BaseException)]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("unit", UNITS)
async def test_the_first_statement_after_a_change_succeeds_on_every_connection(
    database: Database, address: Address, unit: str, change: str
) -> None:
    model, works, _ = UNITS[unit]
    number = 3 if unit == "admin" else 5
    for work in works:
        assert await at_once(database, unit, work, number) == []
    statements = [statement.format(model.__tablename__) for statement in CHANGES[change]]
    await bookshop_api.execute(address, *statements)
    failed = {work.__name__: errors for work in works if (errors := await at_once(database, unit, work, number))}
    assert failed == {}
    assert database.pool_status().checked_out == 0


@pytest.mark.parametrize("change", ["dropped and added column", "recreated enum"])
@pytest.mark.parametrize("work", READING + WRITING)
async def test_every_kind_of_statement_may_be_the_first(
    database: Database, address: Address, work: Work, change: str
) -> None:
    """The test above only notices the first kind: its success makes every connection prepare again."""
    assert await at_once(database, "tenant", work, 3) == []
    await bookshop_api.execute(address, *(statement.format("orders") for statement in CHANGES[change]))
    assert await at_once(database, "tenant", work, 3) == []


async def test_the_new_transaction_is_bound_and_committed(database: Database, address: Address) -> None:
    """What is written by the repeated statement belongs to the tenant, and stays."""
    assert await at_once(database, "tenant", _returning, 5) == []
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    assert await at_once(database, "tenant", _returning, 5) == []
    async with database.tenant("acme", read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 10
    async with database.tenant("globex", read_only=True) as session:
        assert await session.scalar(select(func.count()).select_from(Order)) == 0


async def test_a_read_only_unit_of_work_stays_read_only(database: Database, address: Address) -> None:
    assert await at_once(database, "read-only", _select, 1) == []
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    async with database.tenant("acme", read_only=True) as session:
        await _select(session, Order)
        assert await session.scalar(text("SHOW transaction_read_only")) == "on"


async def test_autocommit_prepares_again_too(database: Database, address: Address) -> None:
    statement = text("SELECT * FROM notes")
    for change in ("SELECT 1", "ALTER TABLE notes ADD extra integer"):
        await bookshop_api.execute(address, change)
        async with database.session() as session:
            connection = await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
            assert (await connection.execute(statement)).all() == []


async def _note_then_order(session: Any, _model: Model) -> None:
    await _select(session, Note)
    await _select(session, Order)


async def test_later_in_a_transaction_the_unit_of_work_may_be_repeated(database: Database, address: Address) -> None:
    """Its earlier statements are lost with the transaction. The client gets 503 with Retry-After, not 500."""
    assert await at_once(database, "tenant", _note_then_order, 5) == []
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    failed = await at_once(database, "tenant", _note_then_order, 5)
    assert failed
    for error in failed:
        assert isinstance(error, DBAPIError)
        assert is_retryable(error)
        answer = answer_to(error, {})
        assert (answer.status, answer.code, answer.headers) == (503, "schema_changed", {"Retry-After": "1"})
    assert await at_once(database, "tenant", _note_then_order, 5) == []


async def test_a_unit_of_work_that_is_repeated_succeeds(database: Database, address: Address) -> None:
    async def work() -> None:
        async with database.tenant("acme") as session:
            await _note_then_order(session, Order)

    await asyncio.gather(*(work() for _ in range(5)))
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    await asyncio.gather(*(retry_transaction(work) for _ in range(5)))


async def test_the_first_connection_that_notices_warns_all_others(database: Database, address: Address) -> None:
    """So the others prepare again also where the statement is not the first."""
    assert await at_once(database, "tenant", _note_then_order, 5) == []
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    async with database.tenant("acme") as session:
        await _select(session, Order)
    assert await at_once(database, "tenant", _note_then_order, 5) == []


async def test_an_error_that_no_preparation_cures_is_raised_as_it_is(database: Database) -> None:
    """A doubtful error is tried once more; it does not make the other connections prepare again."""
    statement = text("SELECT count(*) FROM orders WHERE status = 1")
    dialect: Any = database.engine.dialect
    for _ in range(2):
        before = dialect._invalidate_schema_cache_asof
        with pytest.raises(DBAPIError) as caught:
            async with database.tenant("acme") as session:
                await session.execute(statement)
        assert isinstance(caught.value.orig, Exception)
        assert isinstance(caught.value.orig.__cause__, asyncpg.UndefinedFunctionError)
        assert dialect._invalidate_schema_cache_asof == before
    assert not is_retryable(caught.value)
    assert database.pool_status().checked_out == 0


async def test_sixteen_connections_survive_a_change(database: Database, address: Address) -> None:
    assert await at_once(database, "tenant", _select, 16) == []
    assert database.pool_status().opened == 16
    await bookshop_api.execute(address, "ALTER TABLE orders ALTER status TYPE text")
    assert await at_once(database, "tenant", _select, 16) == []
    assert database.pool_status().opened == 16
