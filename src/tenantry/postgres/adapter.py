"""SQLAlchemy's adapter of asyncpg, taught to begin on another connection where the session cannot be made clean.

BEGIN is the first message of a transaction, so that nothing is lost when the server refuses it: no statement of the
caller was sent. The adapter then closes the driver's connection, opens another and begins there; SQLAlchemy keeps its
own objects and does not notice. It tries this once: what a new connection refuses as well has another reason.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    AsyncAdapt_asyncpg_dbapi,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only, greenlet_spawn

from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.sqlstate import sqlstate_of

__all__ = ["Adapter"]

Connect = Callable[[], Awaitable[Connection]]


# What the timeouts of a session end it with; SQL sets them: idle, idle in transaction, transaction.
_OWN_TIMEOUTS = {"57P05", "25P03", "25P04"}


def _is_refused(driver: Connection, error: BaseException) -> bool:
    """Tell whether the session is at fault. That a server went is for `Liveness` to judge, for the whole pool."""
    state = sqlstate_of(error)
    if not driver.is_pooled or state is None:
        return False
    # The backend behind a bouncer ends itself where it cannot be cleaned; the bouncer reports that as it likes.
    return driver.behind_bouncer or state in _OWN_TIMEOUTS or not state.startswith(("08", "57P0"))


class _Cursor(AsyncAdapt_asyncpg_cursor):
    """A cursor that follows its adapter to the connection that it has now."""

    __slots__ = ()

    @property
    def _connection(self) -> Any:
        return self._adapt_connection._connection  # noqa: SLF001  # as SQLAlchemy's own cursors do

    @_connection.setter
    def _connection(self, _: Any) -> None:
        """Accept what the base class assigns, which may be the connection before."""


class _AdaptedConnection(AsyncAdapt_asyncpg_connection):
    """SQLAlchemy's view of one connection of the driver, which it may replace before a transaction."""

    __slots__ = ("record",)

    _cursor_cls = _Cursor
    # The pool's entry; set when the pool connects.
    record: ConnectionPoolEntry

    async def _start_transaction(self) -> None:
        driver: Any = self._connection
        try:
            await self._begin()
        except self.dbapi.Error as error:
            if not _is_refused(driver, error):
                raise
        else:
            return
        await self._replace()
        await self._begin()

    async def _begin(self) -> None:
        if self.isolation_level != "autocommit":
            await super()._start_transaction()  # type: ignore[no-untyped-call]
            return
        try:
            await self._connection.clean()  # type: ignore[attr-defined]  # our own class
        except asyncpg.PostgresError as error:
            self._handle_exception(error)

    async def _replace(self) -> None:
        stale: Any = self._connection
        with contextlib.suppress(*DRIVER_ERRORS):
            await stale.close()
        fresh: Any = await self.dbapi.reconnect()
        fresh.preamble = stale.preamble
        self._connection = fresh
        if self._prepared_statement_cache is not None:
            self._prepared_statement_cache.clear()
        self.record.starttime = time.time()  # type: ignore[attr-defined]  # by which the pool recycles
        self.record.info.clear()
        await greenlet_spawn(self.dbapi.announce, self, self.record)


class Adapter(AsyncAdapt_asyncpg_dbapi):
    """The DBAPI that an engine is given; `reconnect` opens a connection in the place of one that was refused."""

    def __init__(self, reconnect: Connect) -> None:
        super().__init__(asyncpg)  # type: ignore[no-untyped-call]
        self.reconnect = reconnect
        # Runs the listeners of the pool's "connect" event, which set up codecs; the engine knows the pool.
        self.announce: Callable[[Any, ConnectionPoolEntry], None] = lambda _connection, _record: None

    def connect(self, *args: Any, **options: Any) -> Any:
        """Return an adapted connection, as the pool asks for it."""
        creator = options.pop("async_creator_fn")
        return await_only(_AdaptedConnection.create(self, creator(*args, **options)))
