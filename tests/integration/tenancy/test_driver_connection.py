"""The driver's own connection before the first statement of a unit of work: refused, because BEGIN binds the tenant."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bookshop import Author
from sqlalchemy import select, text

from tenantry import Database, errors

COUNT = "SELECT count(*) FROM authors"

USES: dict[str, Callable[[Any], Awaitable[Any]]] = {
    "execute": lambda driver: driver.execute("DELETE FROM authors"),
    "execute with a parameter": lambda driver: driver.execute("DELETE FROM authors WHERE name = $1", "x"),
    "executemany": lambda driver: driver.executemany("DELETE FROM authors WHERE name = $1", [("x",), ("y",)]),
    "fetch": lambda driver: driver.fetch(COUNT),
    "fetchrow": lambda driver: driver.fetchrow(COUNT),
    "fetchval": lambda driver: driver.fetchval(COUNT),
    "prepare": lambda driver: driver.prepare(COUNT),
    "copy_from_query": lambda driver: driver.copy_from_query(COUNT, output=io.BytesIO()),
    "copy_from_table": lambda driver: driver.copy_from_table("authors", output=io.BytesIO()),
    "copy_to_table": lambda driver: driver.copy_to_table("authors", source=io.BytesIO(b"")),
    "copy_records_to_table": lambda driver: driver.copy_records_to_table("authors", records=[], columns=["name"]),
}


async def driver_of(session: Any) -> Any:
    return (await (await session.connection()).get_raw_connection()).driver_connection


@pytest.fixture
async def authors(shop: Database) -> None:
    async with shop.tenant("acme") as session:
        session.add_all([Author(name="Ada"), Author(name="Grace")])


@pytest.mark.usefixtures("authors")
@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
async def test_before_the_first_statement_it_is_refused(shop: Database, use: Callable[[Any], Awaitable[Any]]) -> None:
    """Before, it counted 0 rows without an error, and what it wrote stayed after a rollback."""
    units = [
        shop.tenant("acme"),
        shop.tenant("acme", read_only=True),
        shop.session(),
        shop.admin(reason="test"),
    ]
    for unit in units:
        with pytest.raises(errors.TransactionRequired):
            async with unit as session:
                await use(await driver_of(session))
    assert shop.pool_status().checked_out == 0
    async with shop.tenant("acme", read_only=True) as session:
        assert len((await session.scalars(select(Author))).all()) == 2


@pytest.mark.usefixtures("authors")
async def test_the_remedy_works(shop: Database) -> None:
    async with shop.tenant("acme") as session:
        await session.execute(text("SELECT 1"))
        driver = await driver_of(session)
        assert await driver.fetchval(COUNT) == 2
        output = io.BytesIO()
        await driver.copy_from_query("SELECT name FROM authors ORDER BY name", output=output)
        assert output.getvalue() == b"Ada\nGrace\n"


@pytest.mark.usefixtures("authors")
async def test_a_transaction_of_the_driver_is_bound_too(shop: Database) -> None:
    async with shop.tenant("acme") as session:
        driver = await driver_of(session)
        async with driver.transaction():
            assert await driver.fetchval(COUNT) == 2


async def test_without_a_transaction_by_intention_it_works(shop: Database) -> None:
    """In AUTOCOMMIT, which a session without a tenant may ask for, and outside of units of work."""
    async with shop.session() as session:
        connection = await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
        driver: Any = (await connection.get_raw_connection()).driver_connection
        assert await driver.fetchval("SELECT 1") == 1
    async with shop.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert await driver.fetchval("SELECT 1") == 1
