"""A pooled connection is clean before each use, at no round trip; where it cannot be, work begins on another one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from tenantry.address import Address
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.secrets import StaticSource
from tenantry.testing.administrator import Administrator

if TYPE_CHECKING:
    from tests.integration.postgres.conftest import Wire

Make = Callable[..., AsyncEngine]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Engines with one connection, which is what one unit of work leaves and the next one gets."""
    engines: list[AsyncEngine] = []

    def create(address: Address, role: str | None = None) -> AsyncEngine:
        options = PoolOptions(size=1, overflow=0)
        engines.append(create_engine(StaticSource(address), options, application_name="test", role=role))
        return engines[-1]

    yield create
    for engine in engines:
        await engine.dispose()


async def driver_of(connection: AsyncConnection) -> Connection:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, Connection)
    return driver


async def process_of(engine: AsyncEngine, *statements: str) -> int:
    """Run statements in a transaction; return the server's process."""
    async with engine.begin() as connection:
        for statement in statements:
            await connection.exec_driver_sql(statement)
        process: int = (await driver_of(connection)).get_server_pid()
    return process


async def answer(engine: AsyncEngine, query: str) -> Any:
    async with engine.connect() as connection:
        return (await connection.exec_driver_sql(query)).scalar_one()


async def test_the_cleaning_costs_no_round_trip(make: Make, wire: Wire) -> None:
    """BEGIN, the statement and the end: as many round trips as without."""
    engine = make(wire.way)
    for _ in range(2):
        await answer(engine, "SELECT 1")
    wire.talk.clear()
    assert await answer(engine, "SELECT 1") == 1
    assert wire.round_trips == 3
    assert any(b"RESET ALL" in data for speaker, data in wire.talk if speaker == "client")


async def test_the_drivers_own_statements_do_not_make_it_unclean(make: Make, empty_database: Address) -> None:
    """More than the caches hold, so that some are closed; with types to look up, errors, and a repeated one."""
    engine = make(empty_database)
    processes = set()
    for number in range(260):
        async with engine.connect() as connection:
            await connection.exec_driver_sql(f"SELECT {number}, NULL::information_schema.sql_identifier")
            await connection.exec_driver_sql("SELECT 'again'")
            if number % 20 == 0:
                with pytest.raises(DBAPIError):
                    await connection.exec_driver_sql("SELECT nothing")
            processes.add((await driver_of(connection)).get_server_pid())
    assert len(processes) == 1


@pytest.mark.parametrize("statement", ["PREPARE left_behind AS SELECT 1", "DEALLOCATE ALL"])
async def test_statements_that_sql_changed_cost_the_connection_and_no_request(
    make: Make, empty_database: Address, statement: str
) -> None:
    """Codecs and all else that listeners of the pool set up are there on the new one too."""
    engine = make(empty_database)
    before = await process_of(engine, "SELECT 'ordinary'", statement)
    assert await answer(engine, "SELECT '{\"a\": 1}'::jsonb") == {"a": 1}
    after = await process_of(engine, "SELECT 'ordinary'")
    assert after != before
    assert await process_of(engine) == after


async def test_many_rows_go_to_the_new_connection(make: Make, empty_database: Address) -> None:
    """SQLAlchemy's cursor was made before the connection was replaced."""
    engine = make(empty_database)
    await process_of(engine, "CREATE TABLE numbers (n int)", "PREPARE left_behind AS SELECT 1")
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (:n)"), [{"n": 1}, {"n": 2}])
    assert await answer(engine, "SELECT sum(n)::int FROM numbers") == 3


async def test_autocommit_meets_a_clean_session_too(make: Make, empty_database: Address) -> None:
    engine = make(empty_database)
    await process_of(engine, "SET search_path = pg_catalog", "PREPARE left_behind AS SELECT 1")
    async with engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
        assert (await connection.exec_driver_sql("SHOW search_path")).scalar_one() == '"$user", public'


async def test_the_drivers_connection_is_cleaned_before_it_is_used_by_hand(make: Make, empty_database: Address) -> None:
    engine = make(empty_database)
    await process_of(engine, "SET x.loot = 'kept'")
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        assert not await driver.fetchval("SELECT current_setting('x.loot', true)")


async def test_a_rollback_does_not_bring_back_what_was_cleaned(make: Make, empty_database: Address) -> None:
    engine = make(empty_database)
    await process_of(engine, "SET x.loot = 'kept'")
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SELECT 1")
        await connection.rollback()
        assert not (await connection.exec_driver_sql("SELECT current_setting('x.loot', true)")).scalar_one()


async def test_a_session_is_kept_from_one_transaction_of_a_checkout_to_the_next(
    make: Make, empty_database: Address
) -> None:
    """It is still the same caller's."""
    engine = make(empty_database)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("SET x.mine = 'kept'")
        await connection.commit()
        assert (await connection.exec_driver_sql("SELECT current_setting('x.mine')")).scalar_one() == "kept"


async def test_role_and_settings_return_to_what_the_connection_began_with(
    make: Make, empty_database: Address, administrator: Administrator
) -> None:
    """The login is a superuser here, who may set everything."""
    administrator.execute("DROP ROLE IF EXISTS cleaning_worker")
    administrator.execute("CREATE ROLE cleaning_worker")
    try:
        engine = make(empty_database, role="cleaning_worker")
        begun = "SELECT current_user || current_setting('statement_timeout') || current_setting('application_name')"
        assert await answer(engine, begun) == "cleaning_worker30stest"
        for left in (
            "SET ROLE NONE; SET session_replication_role = replica",
            "SET SESSION AUTHORIZATION cleaning_worker",
            "SET application_name = 'other'; SET statement_timeout = 0; RESET ROLE",
        ):
            await process_of(engine, *left.split("; "))
            assert await answer(engine, begun) == "cleaning_worker30stest"
            seen = "SELECT current_setting('session_replication_role') || session_user"
            assert await answer(engine, seen) == f"origin{empty_database.user}"
        await engine.dispose()
    finally:
        administrator.execute("DROP ROLE cleaning_worker")


async def test_a_transaction_left_open_costs_the_connection(make: Make, empty_database: Address) -> None:
    engine = make(empty_database)
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        await driver.execute("SELECT 1; BEGIN")
        before = driver.get_server_pid()
    assert await process_of(engine) != before


async def test_asyncpg_knows_that_it_no_longer_listens(make: Make, empty_database: Address) -> None:
    """A listener that is added again is sent to the server again."""
    engine = make(empty_database)
    for _ in range(2):
        async with engine.connect() as connection:
            driver = await driver_of(connection)
            await driver.add_listener("news", lambda *_: None)
            assert (await connection.exec_driver_sql("SELECT pg_listening_channels()")).scalars().all() == ["news"]


async def test_what_a_new_connection_refuses_too_is_an_error(make: Make, empty_database: Address) -> None:
    engine = make(empty_database)
    async with engine.connect() as connection:
        (await driver_of(connection)).preamble = "SET LOCAL statement_timeout = 'never'"
        with pytest.raises(DBAPIError, match="never"):
            await connection.exec_driver_sql("SELECT 1")
    assert await answer(engine, "SELECT 1") == 1


async def test_a_connection_of_its_own_is_left_alone(empty_database: Address) -> None:
    connection = await connect(StaticSource(empty_database), deadline=5, application_name="test")
    await connection.execute("SET x.mine = 'kept'; PREPARE mine AS SELECT 1")
    async with connection.transaction():
        assert await connection.fetchval("SELECT current_setting('x.mine')") == "kept"
    await connection.close()


@pytest.mark.parametrize(
    "left",
    [
        "SET x.loot = 'kept'",
        "PREPARE left_behind AS SELECT 1",
        "SET application_name = 'other'",
        "SET TimeZone = 'Asia/Tokyo'",
    ],
)
async def test_behind_a_bouncer_the_backend_is_cleaned(make: Make, wire: Wire, left: str) -> None:
    """Also when it has statements that SQL prepared: it ends, and the work begins on another."""
    wire.refuses_settings = wire.hides_backend = True
    engine = make(wire.way)
    names = ("application_name", "x.loot", "TimeZone")
    facts = "SELECT concat(" + ", ".join(f"current_setting('{name}', true)" for name in names) + ")"
    clean = await answer(engine, facts)
    await process_of(engine, left)
    assert await answer(engine, facts) == clean
    assert await answer(engine, "SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql") == 0


async def test_behind_a_bouncer_begin_inside_a_transaction_commits_nothing(make: Make, wire: Wire) -> None:
    wire.refuses_settings = wire.hides_backend = True
    engine = make(wire.way)
    async with engine.connect() as connection:
        await connection.exec_driver_sql("CREATE TABLE unwanted ()")
        await (await driver_of(connection)).execute("BEGIN")
        await connection.rollback()
    assert await answer(engine, "SELECT to_regclass('unwanted')::text") is None


@pytest.mark.parametrize("method", ["fetchval", "execute", "prepare"])
async def test_a_session_that_cannot_be_cleaned_is_not_used(make: Make, empty_database: Address, method: str) -> None:
    """By hand there is no other connection to go on with; the error tells, and BEGIN takes another."""
    engine = make(empty_database)
    await process_of(engine, "PREPARE left_behind AS SELECT 1")
    async with engine.connect() as connection:
        driver = await driver_of(connection)
        use: Callable[[str], Awaitable[Any]] = getattr(driver, method)
        with pytest.raises(asyncpg.PostgresError, match="SQL changed the prepared statements"):
            await use("SELECT 2")
        assert (await connection.exec_driver_sql("SELECT 3")).scalar_one() == 3
