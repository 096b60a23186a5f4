"""The slots of a pool: one slot for each connection that it may open, with a connection or empty.

A slot is always returned, even if its connection broke. So the pool never opens more than its maximum, and a failed
attempt to connect wakes the next caller. The last returned connection is used first, and an empty slot is used only if
no connection is idle, so that a surplus stays idle. Waiting callers are served in the order of their calls: a returned
slot goes to the first of them, and a new caller cannot take it.
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
        # Each idle slot with the time of its return; the slot that is idle longest is on the left.
        self._resting: deque[tuple[float, ConnectionPoolEntry]] = deque()
        self._waiting: deque[asyncio.Future[ConnectionPoolEntry]] = deque()

    @property
    def resting(self) -> int:
        """The number of idle connections."""
        return len(self._resting)

    @property
    def taken(self) -> int:
        """The number of slots in use."""
        return len(self._all) - len(self._resting) - len(self._empty)

    @property
    def opened(self) -> int:
        """The number of slots with a connection, including slots in use."""
        return sum(slot.dbapi_connection is not None for slot in self._all)

    def give(self, slot: ConnectionPoolEntry) -> None:
        """Return a slot: it goes to the caller that has waited longest, or stays free."""
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
        """Take a slot; wait up to `timeout` seconds for one.

        Raises:
            TimeoutError: no slot was returned in time.
        """
        if self._resting:
            return self._resting.pop()[1]
        if self._empty:
            return self._empty.pop()
        return await_only(self._wait(timeout))

    def take_longest_resting(self) -> ConnectionPoolEntry | None:
        """Take the slot whose connection is idle longest; None if no connection is idle."""
        return self._resting.popleft()[1] if self._resting else None

    def resting_since(self) -> float | None:
        """Return the monotonic time since which the longest idle connection is idle; None if no connection is idle."""
        return self._resting[0][0] if self._resting else None

    async def _wait(self, timeout: float) -> ConnectionPoolEntry:  # noqa: ASYNC109  # the pool's timeout
        waiter: asyncio.Future[ConnectionPoolEntry] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(timeout):
                return await waiter
        except BaseException:
            # The caller may have got a slot at the moment of its timeout or cancellation.
            if waiter.done() and not waiter.cancelled():
                self.give(waiter.result())
            raise
