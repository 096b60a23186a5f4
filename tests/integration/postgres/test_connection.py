"""The binding rides in BEGIN's own message, ends with its transaction, and a lost COMMIT is told apart."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from tests.integration.postgres.conftest import Wire

PREAMBLE = "SET LOCAL app.tenant = 'acme'"
CURRENT = "SELECT current_setting('app.tenant', true)"


async def open_connection(address: Address) -> Connection:
    return await connect(StaticSource(address), deadline=5, application_name="test")


async def test_a_preamble_costs_no_round_trip(wire: Wire) -> None:
    """BEGIN, query, COMMIT take as many round trips with a preamble as without."""
    connection = await open_connection(wire.way)
    counts = []
    for preamble in ("", "", PREAMBLE):
        connection.preamble = preamble
        wire.talk.clear()
        async with connection.transaction():
            value = await connection.fetchval(CURRENT)
        counts.append(wire.round_trips)
    await connection.close()
    # The first transaction also prepares the statement.
    assert counts[1:] == [3, 3]
    assert value == "acme"


async def test_without_a_preamble_begin_is_plain(wire: Wire) -> None:
    connection = await open_connection(wire.way)
    wire.talk.clear()
    async with connection.transaction():
        pass
    await connection.close()
    assert wire.talk[0] == ("client", b"Q\x00\x00\x00\x0bBEGIN;\x00")


async def test_the_binding_ends_with_its_transaction(wire: Wire) -> None:
    """Afterwards the setting is empty, committed or not, although the connection still holds the preamble."""
    connection = await open_connection(wire.way)
    connection.preamble = PREAMBLE
    async with connection.transaction():
        assert await connection.fetchval(CURRENT) == "acme"
    assert await connection.fetchval(CURRENT) in {"", None}
    await connection.close()


async def test_a_savepoint_is_not_bound_again(wire: Wire) -> None:
    connection = await open_connection(wire.way)
    connection.preamble = PREAMBLE
    wire.talk.clear()
    async with connection.transaction():
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with connection.transaction():
                await connection.fetchval("SELECT 1/0")
        assert await connection.fetchval(CURRENT) == "acme"
    await connection.close()
    assert sum(data.count(b"SET LOCAL") for _, data in wire.talk) == 1


@pytest.mark.parametrize("begin", ["BEGIN", "begin isolation level serializable", " START TRANSACTION"])
async def test_a_transaction_begun_by_hand_is_bound_before_its_first_statement(wire: Wire, begin: str) -> None:
    """Also when the statement stands in the same message."""
    connection = await open_connection(wire.way)
    connection.preamble = PREAMBLE
    await connection.execute(f"{begin}; CREATE TEMPORARY TABLE seen AS {CURRENT}")
    assert await connection.fetchval("SELECT * FROM seen") == "acme"
    await connection.execute("ROLLBACK")
    await connection.close()


async def begin_naively(self: Connection, query: str, end: int, limit: float | None) -> str:
    """The mutant: put the preamble in, and look after nothing."""
    status: str = await asyncpg.Connection.execute(self, f"{query[:end]}; {self.preamble}", timeout=limit)
    return status


@pytest.mark.parametrize("mutant", [False, True])
async def test_a_failed_preamble_leaves_no_transaction(wire: Wire, monkeypatch: Any, mutant: bool) -> None:  # noqa: FBT001
    """BEGIN succeeded and the preamble did not: the next one must not start inside that transaction."""
    if mutant:
        monkeypatch.setattr(Connection, "_begin", begin_naively)
    connection = await open_connection(wire.way)
    connection.preamble = "SET LOCAL statement_timeout = 'never'"
    with pytest.raises(asyncpg.InvalidParameterValueError):
        await connection.transaction().start()
    assert connection.is_in_transaction() is mutant
    connection.preamble = ""
    if mutant:
        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await connection.transaction().start()
    else:
        async with connection.transaction():
            assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


@pytest.mark.parametrize("delivers", [True, False])
async def test_a_lost_commit_is_an_unknown_outcome(wire: Wire, delivers: bool) -> None:  # noqa: FBT001
    """Whether the server had read it or not: from here the two look the same."""
    connection = await open_connection(wire.way)
    await connection.execute("CREATE TABLE t (a int)")
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("INSERT INTO t VALUES (1)")
    wire.cut_on, wire.delivers = b"COMMIT", delivers
    with pytest.raises(errors.OutcomeUnknown):
        await transaction.commit()
    again = await open_connection(wire.address)
    assert await again.fetchval("SELECT count(*) FROM t") == int(delivers)
    await again.close()


async def test_a_commit_that_the_server_refuses_is_no_unknown_outcome(wire: Wire) -> None:
    connection = await open_connection(wire.way)
    await connection.execute("CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(asyncpg.UniqueViolationError):
        async with connection.transaction():
            await connection.execute("INSERT INTO t VALUES (1), (1)")
    await connection.close()


async def test_a_commit_that_was_never_sent_is_no_unknown_outcome(wire: Wire) -> None:
    """The connection was seen to be closed before."""
    connection = await open_connection(wire.way)
    transaction = connection.transaction()
    await transaction.start()
    wire.cut()
    await asyncio.sleep(0.05)
    with pytest.raises(asyncpg.InterfaceError):
        await transaction.commit()


async def test_a_commit_after_the_servers_last_words_is_never_sent(wire: Wire) -> None:
    """57P01 came while the transaction was idle, the end of the stream did not yet: no COMMIT goes over the wire."""
    connection = await open_connection(wire.way)
    transaction = connection.transaction()
    await transaction.start()
    wire.say_last_words()
    await asyncio.sleep(0.05)
    wire.talk.clear()
    with pytest.raises(asyncpg.InternalClientError):
        await transaction.commit()
    await asyncio.sleep(0.05)
    assert not any(b"COMMIT" in data for _, data in wire.talk)
    connection.terminate()


async def test_closing_does_not_wait_for_a_silent_server(wire: Wire, elapsed: Any) -> None:
    connection = await open_connection(wire.way)
    wire.freeze()
    elapsed()
    await connection.close()
    assert elapsed() < 1
    assert connection.is_closed()
