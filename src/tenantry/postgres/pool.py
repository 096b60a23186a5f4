"""The pool of a service: it opens connections when they are needed, and closes connections that are idle too long.

SQLAlchemy's queue pool closes a connection beyond its size when it is returned, so under load it opens and closes
connections all the time. This pool closes a connection for three reasons: it was idle for `max_idle` seconds and the
pool has more than its minimum, its lifetime has passed, or it is dead. Lifetimes differ by up to a tenth, so that
connections that were opened together are not replaced together.

The pool's timeout is the limit for all steps to get a connection (see `acquiring`).

`connect()` translates errors, so that every path to a connection (a session's first statement, an engine's
`connect()`) raises the same errors, and errors of statements stay separate.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from typing import Any, Self, cast

from sqlalchemy import exc
from sqlalchemy import pool as sqlalchemy_pool
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.pool.base import _ConnectionRecord
from sqlalchemy.util import await_only, greenlet_spawn

from tenantry import errors
from tenantry.postgres import acquiring
from tenantry.postgres.connection import DRIVER_ERRORS
from tenantry.postgres.idle_timer import IdleTimer
from tenantry.postgres.slots import Slots

__all__ = ["Pool", "PoolStatus", "pool_status"]

# The fraction of its lifetime by which a connection may be replaced earlier.
JITTER = 0.1

# Seconds after the pool's timeout at which everything is cancelled. Steps with their own limit fail before, with a
# better reason.
MARGIN = 0.25


class Pool(sqlalchemy_pool.Pool):
    """A pool that keeps `pool_size` connections and opens up to `max_overflow` more; all times are in seconds.

    `timeout` is the limit for `connect()`. `lifetime=None` means no limit.
    """

    _is_asyncio = True

    def __init__(
        self,
        creator: Any,
        pool_size: int = 5,
        max_overflow: int = 15,
        timeout: float = 5.0,
        max_idle: float = 300.0,
        lifetime: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(creator, **options)
        self.minimum, self.maximum = pool_size, pool_size + max_overflow
        self._timeout, self._max_idle, self._lifetime = timeout, max_idle, lifetime
        slots = [_ConnectionRecord(self, connect=False) for _ in range(self.maximum)]
        self._slots = Slots(slots)
        # The numbers are not secret, so the standard generator is enough.
        self._lifetimes = {slot: (lifetime or 0) * random.uniform(1 - JITTER, 1) for slot in slots}  # noqa: S311
        self._idle_timer = IdleTimer(max_idle, self._surplus_due_in, self._close_surplus)
        self._is_disposed = False
        # Time, reason and remedy of the last failure to open a connection. The error itself would keep its frames
        # alive.
        self._failure: tuple[float, str, str] | None = None

    def connect(self) -> PoolProxiedConnection:
        """Return a connection of the pool.

        Raises:
            PoolTimeout: every connection was in use for the whole of the pool's timeout.
            DatabaseUnavailable: a connection could not be opened or set up within the pool's timeout.
        """
        token = acquiring.begin(self._timeout)
        try:
            # Nearly every checkout takes this path, and a timer would cost more than the checkout. The ping, and the
            # opening of a replacement, observe the remaining time themselves.
            if self._slots.resting:
                return super().connect()
            return await_only(self._connect_in_time())
        except exc.TimeoutError as error:
            raise self._pool_timeout() from error
        except errors.DatabaseUnavailable as error:
            self._failure = time.monotonic(), error.why, error.remedy
            raise
        except (*DRIVER_ERRORS, exc.DBAPIError, exc.InvalidRequestError) as error:
            why = f"The setup of the connection failed ({type(error).__name__})."
            if isinstance(error, TimeoutError):
                why = f"The server stopped answering, and {self._timeout:g} s passed before the connection was ready."
            remedy = "Check the server's load and its log, and try again."
            self._failure = time.monotonic(), why, remedy
            raise errors.DatabaseUnavailable(
                "No connection to the database was opened.", why=why, remedy=remedy
            ) from error
        finally:
            acquiring.end(token)

    async def _connect_in_time(self) -> PoolProxiedConnection:
        """Limit also steps without their own limit, such as the first statements that SQLAlchemy sends."""
        async with asyncio.timeout(self._timeout + MARGIN):
            return await greenlet_spawn(super().connect)

    def _pool_timeout(self) -> errors.PoolTimeout:
        why = f"All {self.checkedout()} connections that the pool may open are in use"
        remedy = "Find long units of work, or raise DATABASE_POOL_SIZE or DATABASE_MAX_OVERFLOW, and max_connections."
        if self._failure is not None and time.monotonic() - self._failure[0] < self._timeout:
            # The earlier callers waited for the server, so long units of work are not the cause.
            why, remedy = f"{why}, and the last attempt to open one failed. {self._failure[1]}", self._failure[2]
        else:
            why = f"{why}."
        return errors.PoolTimeout(f"No connection became free within {self._timeout:g} s.", why=why, remedy=remedy)

    def _do_get(self) -> ConnectionPoolEntry:
        try:
            slot = self._slots.take(self._timeout)
        except TimeoutError as error:
            raise exc.TimeoutError("The pool has no free connection.") from error
        if self._lifetime is not None and slot.dbapi_connection is not None and self._is_expired(slot):
            slot.invalidate(soft=True)  # SQLAlchemy then replaces its connection.
        return slot

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._is_disposed:
            self._close_slot(record)
            return
        self._slots.give(record)
        self._idle_timer.start()

    def _close_connection(self, connection: DBAPIConnection, *, terminate: bool = False) -> None:
        """Close politely if possible, and log no error if not: a connection that rested may be dead."""
        del terminate
        super()._close_connection(connection, terminate=True)

    def _is_expired(self, slot: ConnectionPoolEntry) -> bool:
        record = cast("_ConnectionRecord", slot)
        return time.time() - record.starttime > self._lifetimes[record]

    def _surplus_due_in(self) -> float | None:
        """Return the seconds until an idle connection is due to be closed; None if no connection may be closed."""
        since = self._slots.resting_since()
        if since is None or self._slots.opened <= self.minimum:
            return None
        return since + self._max_idle - time.monotonic()

    def _close_surplus(self) -> None:
        """Close the due connections one after another, because a slot is unusable while its connection closes."""
        while (due_in := self._surplus_due_in()) is not None and due_in <= 0:
            slot = self._slots.take_longest_resting()
            assert slot is not None
            self._close_slot(slot)

    def _close_slot(self, slot: ConnectionPoolEntry) -> None:
        try:
            slot.close()
        finally:
            self._slots.give(slot)

    def recreate(self) -> Self:
        """Return a new pool with the same arguments."""
        return self.__class__(
            self._creator,
            pool_size=self.minimum,
            max_overflow=self.maximum - self.minimum,
            timeout=self._timeout,
            max_idle=self._max_idle,
            lifetime=self._lifetime,
            pre_ping=self._pre_ping,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            _dispatch=self.dispatch,
            dialect=self._dialect,
        )

    def dispose(self) -> None:
        """Close the idle connections concurrently, and the others when they are returned."""
        self._is_disposed = True
        await_only(self._close_all())
        self.logger.info("Pool disposed. %s", self.status())

    async def _close_all(self) -> None:
        closing = self._idle_timer.stop()
        closings = [closing] if closing is not None and closing.get_loop() is asyncio.get_running_loop() else []
        while (slot := self._slots.take_longest_resting()) is not None:
            closings.append(asyncio.ensure_future(greenlet_spawn(self._close_slot, slot)))
        await asyncio.gather(*closings, return_exceptions=True)

    def size(self) -> int:
        """Return the number of connections that the pool keeps open."""
        return self.minimum

    def opened(self) -> int:
        """Return the number of open connections."""
        return self._slots.opened

    def checkedin(self) -> int:
        """Return the number of idle connections."""
        return self._slots.resting

    def checkedout(self) -> int:
        """Return the number of connections in use, including those that are being opened or closed."""
        return self._slots.taken

    def status(self) -> str:
        """Describe the pool in one line."""
        return (
            f"Pool of {self.minimum} to {self.maximum} connections: "
            f"{self.opened()} open, {self.checkedin()} idle, {self.checkedout()} in use"
        )


@dataclasses.dataclass(frozen=True, slots=True)
class PoolStatus:
    """The state of a pool: its size, the connections in use, the maximum, and the open connections."""

    size: int
    checked_out: int
    limit: int
    opened: int = 0

    @property
    def is_exhausted(self) -> bool:
        """True if the next caller has to wait."""
        return self.checked_out >= self.limit


def pool_status(engine: AsyncEngine) -> PoolStatus:
    """Return the state of the engine's pool."""
    pool = engine.pool
    assert isinstance(pool, Pool)
    return PoolStatus(size=pool.size(), checked_out=pool.checkedout(), limit=pool.maximum, opened=pool.opened())
