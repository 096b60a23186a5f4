"""SQLAlchemy's adapter of asyncpg, which begins a transaction again where nothing of it is lost.

If the session cannot be cleaned, the adapter begins on another connection.

BEGIN is the first message of a transaction. So no statement of the caller was sent when the server refuses it. The
adapter then closes the driver's connection, opens another and begins there. SQLAlchemy's objects stay the same. The
adapter tries this once: if a new connection refuses too, the session is not the reason.

If the first statement of a transaction was prepared before a migration and is stale now, the adapter rolls back, begins
with the same preamble, and prepares the statement again. SQLAlchemy only makes the other connections prepare again, and
only after the error; statements that are in flight on them at that time fail too.
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
    AsyncAdapt_asyncpg_ss_cursor,
)
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only, greenlet_spawn

from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.postgres.stale_statements import is_stale, may_be_stale

__all__ = ["Adapter"]

Connect = Callable[[], Awaitable[Connection]]


# The SQLSTATEs of a session that a timeout ended: idle session, idle in transaction, transaction. SQL can set them.
_OWN_TIMEOUTS = {"57P05", "25P03", "25P04"}


def _is_refused(driver: Connection, error: BaseException) -> bool:
    """Return True if the session caused the error. `Liveness` handles the end of a server, for the whole pool."""
    state = sqlstate_of(error)
    if not driver.is_pooled or state is None:
        return False
    # A backend behind a pooler ends itself if it cannot be cleaned. Poolers report that with different SQLSTATEs.
    return driver.behind_bouncer or state in _OWN_TIMEOUTS or not state.startswith(("08", "57P0"))


class _Cursor(AsyncAdapt_asyncpg_cursor):
    """A cursor that uses its adapter's current connection, and prepares a stale statement again."""

    __slots__ = ()

    @property
    def _connection(self) -> Any:
        return self._adapt_connection._connection  # noqa: SLF001  # as SQLAlchemy's own cursors do

    @_connection.setter
    def _connection(self, _: Any) -> None:
        """Ignore the assignment of the base class, which may be the replaced connection."""

    async def _prepare_and_execute(self, operation: Any, parameters: Any) -> None:
        await self._again_if_stale(super()._prepare_and_execute, operation, parameters)

    async def _executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        return await self._again_if_stale(super()._executemany, operation, seq_of_parameters)

    async def _again_if_stale(self, execute: Callable[..., Awaitable[Any]], operation: Any, parameters: Any) -> Any:
        """Execute; if the statement is the first of its transaction and stale, execute it in a new transaction."""
        connection: Any = self._adapt_connection
        is_first = connection._transaction is None  # noqa: SLF001  # as SQLAlchemy's own cursors do
        try:
            return await execute(operation, parameters)
        except connection.dbapi.Error as error:
            # In AUTOCOMMIT a procedure may have committed before it failed. The refusal comes before a statement runs.
            is_alone = connection.isolation_level == "autocommit"
            if not is_first or not (is_stale(error) if is_alone else may_be_stale(error)):
                raise
        await connection.begin_again()
        # A later time than that of every prepared statement.
        self._invalidate_schema_cache_asof = time.time()  # type: ignore[assignment]  # SQLAlchemy infers int from its 0
        result = await execute(operation, parameters)
        # It succeeded, so a change of the schema was the reason. Now the other connections prepare again too.
        connection.dbapi.invalidate()
        return result


class _ServerCursor(_Cursor, AsyncAdapt_asyncpg_ss_cursor):
    """The same for a cursor that streams its rows."""

    __slots__ = ()


class _AdaptedConnection(AsyncAdapt_asyncpg_connection):
    """SQLAlchemy's wrapper of a driver connection, which it may replace before a transaction."""

    __slots__ = ("record",)

    _cursor_cls = _Cursor
    _ss_cursor_cls = _ServerCursor
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

    async def begin_again(self) -> None:
        """Roll back a transaction in which no statement succeeded, and begin another with the same preamble."""
        if self._transaction is None:
            return
        try:
            await self._call_and_discard(self._transaction.rollback)
        except DRIVER_ERRORS as error:
            self._handle_exception(error)
        await self._begin()

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
        # Not before: a listener may ask for the oids of types.
        fresh.needs_transaction = stale.needs_transaction


class Adapter(AsyncAdapt_asyncpg_dbapi):
    """The DBAPI of an engine; `reconnect` opens the replacement of a refused connection."""

    def __init__(self, reconnect: Connect) -> None:
        super().__init__(asyncpg)  # type: ignore[no-untyped-call]
        self.reconnect = reconnect
        # Runs the listeners of the pool's "connect" event, which set up codecs. The engine sets this function.
        self.announce: Callable[[Any, ConnectionPoolEntry], None] = lambda _connection, _record: None
        # Makes every connection prepare its statements again. The engine sets this function.
        self.invalidate: Callable[[], None] = lambda: None

    def connect(self, *args: Any, **options: Any) -> Any:
        """Open and return an adapted connection, for the pool."""
        creator = options.pop("async_creator_fn")
        return await_only(_AdaptedConnection.create(self, creator(*args, **options)))
