"""Detect dead connections, so that no request gets one, without a ping at every checkout.

The event loop or the socket reports a connection that the server closed. A ping finds a connection that ended without a
report (an unplugged cable, a frozen server). The ping is sent only if the connection was idle for a second. It has its
own deadline within the pool's timeout. After that, the socket is closed without a message to the server, which would
not answer either. A dead connection invalidates all connections that are as old, because a server seldom loses only
one.

If this process ended a connection because its state was unknown, the other connections stay valid. A connection that is
returned inside a transaction is ended too: the pool's reset only rolls back transactions that SQLAlchemy began.

Errors of running statements count too. If the server shuts down or was demoted to a standby, the connection is as
useless as a broken socket, although the socket is still open.
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
    """Ping the server; close the socket if no answer arrives within `deadline` seconds."""
    try:
        async with asyncio.timeout(deadline):
            await connection.ping()
    except DRIVER_ERRORS:
        connection.terminate()
        return False
    return True


def has_unread(connection: Connection) -> bool:
    """Return True if the socket has unread bytes or the end of the stream, although no query is running.

    The event loop may be too busy to have read them. The check is one system call, without a round trip.
    """
    channel = connection._transport.get_extra_info("socket")  # noqa: SLF001  # asyncpg has no public name for it.
    if channel is None or channel.fileno() < 0:
        return True
    if not hasattr(select, "poll"):  # as on Windows
        return False
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    return bool(poll.poll(0))


def is_disconnect(error: BaseException, connection: Connection) -> bool:
    """Return True if the connection cannot be used after `error`."""
    if connection.is_closed() or any(isinstance(link, asyncpg.InternalClientError) for link in chain_of(error)):
        return True
    state = sqlstate_of(error) or ""
    if state == READ_ONLY:
        # A READ ONLY transaction raises this too. The settings that the server reports tell the difference (since 14).
        reports = connection.get_settings()
        return "on" in {getattr(reports, name, "") for name in ("in_hot_standby", "default_transaction_read_only")}
    return state.startswith("57P0")


@dataclass(frozen=True, slots=True)
class Liveness:
    """Checks the connections of an engine's pool; times are in seconds."""

    idle: float = 1.0
    deadline: float = 2.0

    def watch(self, engine: Engine) -> None:
        """Listen to the pool's checkouts and to the engine's errors."""
        event.listen(engine, "checkin", self.note_checkin)
        event.listen(engine, "checkout", self.check)
        event.listen(engine, "handle_error", self.judge)

    def note_checkin(self, dbapi_connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        """Remember when the connection became idle; end a connection that is not idle."""
        record.info[_IDLE_SINCE] = time.monotonic()
        if dbapi_connection is not None and not (driver := _driver(dbapi_connection)).is_idle:
            driver.abandon()

    def check(
        self, dbapi_connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
    ) -> None:
        """Check the connection at checkout; make the pool replace a dead one and all that are as old."""
        since = record.info.get(_IDLE_SINCE)
        if since is None:
            return  # It is new.
        driver = _driver(dbapi_connection)
        if driver.is_abandoned:
            raise exc.DisconnectionError("The connection was returned in an unknown state.")
        is_alive_still = not driver.is_closed()
        if is_alive_still and (time.monotonic() - since > self.idle or has_unread(driver)):
            is_alive_still = await_only(is_alive(driver, time_left(self.deadline)))
        if not is_alive_still:
            raise exc.InvalidatePoolError("The connection died while it was idle.")

    def judge(self, context: ExceptionContext) -> errors.DatabaseUnavailable | None:
        """Invalidate the connection, and the others of the pool, if the error shows that the server is gone.

        If this process ended the connection, the others stay. An error of the socket, which SQLAlchemy does not wrap,
        becomes DatabaseUnavailable.
        """
        if context.connection is None or context.connection.invalidated:
            return None
        driver, error = _driver(context.connection.connection.dbapi_connection), context.original_exception
        if isinstance(error, TimeoutError):
            # The client's time limit ended a statement: the server is frozen, or SQL raised the statement timeout.
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
            why="No answer arrived within the time limit."
            if isinstance(error, TimeoutError)
            else "The connection broke.",
            remedy="Check the server's load and its log, and try again.",
        )


def _driver(dbapi_connection: Any) -> Connection:
    driver: Connection = dbapi_connection.driver_connection
    return driver
