"""The connection that makes and drops the databases of a run.

Tests are synchronous, or each runs in its own event loop. So the connection lives in a thread with a loop that no test
sees, and tests use it through calls that block.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.collisions import repeat_on_collision
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.secrets import StaticSource

__all__ = ["Administrator"]

# Seconds to reach the server, which may be in a container that has just started.
PATIENCE = 10.0
NAME = "tenantry tests"

# Seconds that another worker may take to make a template.
LONGEST_WAIT = 600.0
PAUSE = 0.02

SERVER = "SELECT current_setting('server_version_num')::int, current_setting('fsync')"
STRATEGIES_SINCE = 150000

_Result = TypeVar("_Result")


class Administrator:
    """One login that may create databases and roles, for use from any thread and beside any event loop.

    With a `mark`, the connection holds a shared advisory lock while it is open. It tells other runs that the databases
    and logins with this run's number are in use.
    """

    def __init__(self, address: Address, mark: tuple[int, int] | None = None) -> None:
        self.address = address
        self._mark = mark
        self._connection: Connection | None = None
        # A call that was interrupted in its test continues in the thread, and the next call must wait for it.
        self._turn = asyncio.Lock()
        # The loop always runs, so that a connection that is lost between two calls is noticed.
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tenantry-administrator", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in this object's own loop, and wait for its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def execute(self, statement: str) -> None:
        """Run one statement as the administrator, outside of any transaction."""
        self.run(self._execute(statement))

    def execute_alone(self, statement: str) -> None:
        """Run a statement that needs a database for itself; other sessions may be connected to it, but not for long."""
        self.run(repeat_on_collision(lambda: self._execute(statement)))

    def fetch(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        return self.run(self._fetch(query, values))

    @functools.cached_property
    def strategy(self) -> str:
        """The clause that makes CREATE DATABASE fastest: copying files, unless each copy must be flushed to disk."""
        ((version, fsync),) = self.fetch(SERVER)
        return "STRATEGY file_copy" if version >= STRATEGIES_SINCE and fsync == "off" else ""

    @contextmanager
    def alone(self, first: int, second: int) -> Iterator[None]:
        """Hold an advisory lock of the server.

        The lock is polled, because a statement that waits for it would block CREATE DATABASE of other workers.

        Raises:
            ServerError: another process held the lock for `LONGEST_WAIT` seconds.
        """
        deadline = time.monotonic() + LONGEST_WAIT
        while not self.fetch("SELECT pg_try_advisory_lock($1, $2)", first, second)[0][0]:
            if time.monotonic() >= deadline:
                raise errors.ServerError(
                    "Another process of this run did not finish its template.",
                    why=f"It took longer than {LONGEST_WAIT:g} s.",
                    remedy="Check in pg_stat_activity what it waits for.",
                )
            time.sleep(PAUSE)
        try:
            yield
        finally:
            self.fetch("SELECT pg_advisory_unlock($1, $2)", first, second)

    def close(self) -> None:
        """Close the connection, and end the loop and the thread."""
        self.run(self._disconnect())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def _execute(self, statement: str) -> None:
        async with self._turn:
            await (await self._connected()).execute(statement)

    async def _fetch(self, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        async with self._turn:
            return [tuple(row) for row in await (await self._connected()).fetch(query, *values)]

    async def _connected(self) -> Connection:
        # A test may have restarted the server.
        if self._connection is None or self._connection.is_closed():
            timeouts = {"statement_timeout": "0", "idle_session_timeout": "0"}
            source = StaticSource(self.address)
            self._connection = await connect(source, deadline=PATIENCE, application_name=NAME, server_settings=timeouts)
            if self._mark is not None:
                await self._connection.execute("SELECT pg_advisory_lock_shared({}, {})".format(*self._mark))
        return self._connection

    async def _disconnect(self) -> None:
        async with self._turn:
            if self._connection is not None and not self._connection.is_closed():
                await self._connection.close()
