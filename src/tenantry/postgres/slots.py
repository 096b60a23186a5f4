"""The slots of a pool: one for each connection that it may open, with a connection or empty.

A slot always comes back, whatever happened to its connection. So the pool never opens more than its maximum, and a
failed attempt to connect wakes the next caller. The connection that came back last is taken first, and an empty slot
only when no connection rests, so that a surplus goes on resting. Waiting callers are served in the order in which they
came: a slot is handed to the first of them and cannot be taken by a newcomer in between.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable

from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

__all__ = ["Slots"]


class Slots:
    """The free slots, and the callers who wait for one."""

    def __init__(self, slots: Iterable[ConnectionPoolEntry]) -> None:
        self._all = tuple(slots)
        self._empty = [slot for slot in self._all if slot.dbapi_connection is None]
        # Each with the time at which it came back; the one that has rested longest is on the left.
        self._resting: deque[tuple[float, ConnectionPoolEntry]] = deque()
        self._waiting: deque[asyncio.Future[ConnectionPoolEntry]] = deque()

    @property
    def resting(self) -> int:
        """How many connections rest."""
        return len(self._resting)

    @property
    def taken(self) -> int:
        """How many slots are taken."""
        return len(self._all) - len(self._resting) - len(self._empty)

    @property
    def opened(self) -> int:
        """How many slots hold a connection, taken ones included."""
        return sum(slot.dbapi_connection is not None for slot in self._all)

    def give(self, slot: ConnectionPoolEntry) -> None:
        """Hand a slot to the caller who has waited longest, or keep it."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(slot)
                return
        if slot.dbapi_connection is None:
            self._empty.append(slot)
        else:
            self._resting.append((time.monotonic(), slot))

    def take(self, timeout: float) -> ConnectionPoolEntry:
        """Return a slot; wait for one up to `timeout` seconds.

        Raises:
            TimeoutError: none came back.
        """
        if self._resting:
            return self._resting.pop()[1]
        if self._empty:
            return self._empty.pop()
        return await_only(self._wait(timeout))

    def take_longest_resting(self) -> ConnectionPoolEntry | None:
        """Return the slot whose connection has rested longest; None if no connection rests."""
        return self._resting.popleft()[1] if self._resting else None

    def resting_since(self) -> float | None:
        """Return when the longest resting connection came back, by the monotonic clock; None if no connection rests."""
        return self._resting[0][0] if self._resting else None

    async def _wait(self, timeout: float) -> ConnectionPoolEntry:  # noqa: ASYNC109  # It is the pool's.
        waiter: asyncio.Future[ConnectionPoolEntry] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except BaseException:
            # The slot may have been handed over in the moment in which the caller gave up.
            if waiter.done() and not waiter.cancelled():
                self.give(waiter.result())
            raise
