"""No dead connection reaches a request, and a living one is not asked on every checkout.

A connection whose end was seen is dropped for nothing: the event loop or the socket knows. What nobody saw (a cable
pulled, a frozen server) is found by a ping, sent only when the connection has been idle for a second, with a deadline
of its own within the pool's timeout, after which the socket is shut and not closed: a goodbye would wait for the same
silence. One dead connection condemns all that are as old, since a server seldom loses only one.

A connection that was ended from this side, because its state was not known, says nothing about the others. One that
comes back inside a transaction is ended too: the pool's reset only rolls back what SQLAlchemy began.

The other half is noticing while a statement runs: a server that is shutting down, and one that was demoted under us,
are as gone as a broken socket, although the socket still stands.
"""

from __future__ import annotations

import asyncio
import select
import time
from dataclasses import dataclass
from typing import Any

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import await_only

from tenantry import errors
from tenantry.postgres.acquiring import time_left
from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.sqlstate import READ_ONLY, chain_of, sqlstate_of

__all__ = ["Liveness", "is_alive", "is_disconnect"]

_IDLE_SINCE = "tenantry_idle_since"


async def is_alive(connection: Connection, deadline: float) -> bool:
    """Ask the server for nothing, in one round trip; shut the socket if no answer comes within `deadline` seconds."""
    try:
        async with asyncio.timeout(deadline):
            await connection.ping()
    except DRIVER_ERRORS:
        connection.terminate()
        return False
    return True


def has_unread(connection: Connection) -> bool:
    """Tell whether bytes, or the end of the stream, wait in the socket: nobody has asked this server anything.

    The event loop may be too busy to have seen them. One system call, no round trip.
    """
    channel = connection._transport.get_extra_info("socket")  # noqa: SLF001  # asyncpg gives no other way to it.
    if channel is None or channel.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # as on Windows
        return False
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(0))


def is_disconnect(error: BaseException, connection: Connection) -> bool:
    """Tell whether `error` means that the connection is of no more use."""
    if connection.is_closed() or any(isinstance(link, asyncpg.InternalClientError) for link in chain_of(error)):
        return True
    state = sqlstate_of(error) or ""
    if state == READ_ONLY:
        # Raised in a READ ONLY transaction too, which says nothing about the server; its own reports do (since 14).
        reports = connection.get_settings()
        return "on" in {getattr(reports, name, "") for name in ("in_hot_standby", "default_transaction_read_only")}
    return state.startswith("57P0")


@dataclass(frozen=True, slots=True)
class Liveness:
    """Watches over an engine's pool; the times are in seconds."""

    idle: float = 1.0
    deadline: float = 2.0

    def watch(self, engine: Engine) -> None:
        """Listen to the pool's checkouts and to the engine's errors."""
        event.listen(engine, "checkin", self.note_checkin)
        event.listen(engine, "checkout", self.check)
        event.listen(engine, "handle_error", self.judge)

    def note_checkin(self, dbapi_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """Remember since when the connection is idle; end one that is not."""
        record.info[_IDLE_SINCE] = time.monotonic()
        if dbapi_connection is not None and not (driver := _driver(dbapi_connection)).is_idle:
            driver.abandon()

    def check(
        self, dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        """Let a living connection pass; make the pool replace a dead one and all that are as old."""
        since = record.info.get(_IDLE_SINCE)
        if since is None:
            return  # It was made this moment.
        driver = _driver(dbapi_connection)
        if driver.is_abandoned:
            raise exc.DisconnectionError("The connection came back in a state that was not known.")
        is_alive_still = not driver.is_closed()
        if is_alive_still and (time.monotonic() - since > self.idle or has_unread(driver)):
            is_alive_still = await_only(is_alive(driver, time_left(self.deadline)))
        if not is_alive_still:
            raise exc.InvalidatePoolError("The connection died while it was idle.")

    def judge(self, context: ExceptionContext) -> errors.DatabaseUnavailable | None:
        """Drop a connection that an error shows to be useless, and with it the others, unless only we gave up.

        An error of the socket, which SQLAlchemy hands on raw, becomes ours.
        """
        if context.connection is None or context.connection.invalidated:
            return None
        driver, error = _driver(context.connection.connection.dbapi_connection), context.original_exception
        if isinstance(error, TimeoutError):
            # Our own limit ended a statement: the server may be frozen, or the statement slow and its timeout raised.
            driver.abandon()
        if driver.is_abandoned:
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False
        elif is_disconnect(error, driver):
            context.is_disconnect = True
        if not isinstance(error, OSError):
            return None
        return errors.DatabaseUnavailable(
            "The database did not answer a statement.",
            why="Its connection was silent for too long."
            if isinstance(error, TimeoutError)
            else "Its connection broke.",
            remedy="Try again; look at the server's load and its log.",
        )


def _driver(dbapi_connection: Any) -> Connection:
    driver: Connection = dbapi_connection.driver_connection
    return driver
