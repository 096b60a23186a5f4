"""A timer on the event loop that closes idle connections, also without traffic.

A check at checkout or checkin is not enough, because without traffic neither happens. The timer runs only while a
connection may become due; the next returned connection starts it again. It is a callback, not a task, so it keeps no
event loop running and needs no cleanup when the loop closes. A task exists only while a connection is being closed,
because that waits for the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.util import greenlet_spawn

__all__ = ["IdleTimer"]


class IdleTimer:
    """Calls `close_due` in a greenlet when `due_in` reports a due connection.

    `due_in` returns the seconds until a connection is due: zero or less means now, None means never. The timer calls it
    first `interval` seconds after the start.
    """

    def __init__(self, interval: float, due_in: Callable[[], float | None], close_due: Callable[[], None]) -> None:
        self._interval = interval
        self._due_in = due_in
        self._close_due = close_due
        # The loop that the timer runs on; None while it does not run.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the timer if it is not running. Outside an event loop, do nothing; a later call starts it."""
        if self._loop is not None and not self._loop.is_closed():
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        else:
            self._timer = self._loop.call_later(self._interval, self._look)

    def stop(self) -> asyncio.Task[None] | None:
        """Stop the timer; return the task that is closing a connection, or None.

        The task is not cancelled, because SQLAlchemy would then leave its own task that closes the connection.
        """
        if self._timer is not None:
            self._timer.cancel()
        task, self._task = self._task, None
        self._loop = self._timer = None
        return task

    def _look(self) -> None:
        assert self._loop is not None
        self._timer = None
        due_in = self._due_in()
        if due_in is None:
            self._loop = None
        elif due_in > 0:
            self._timer = self._loop.call_later(due_in, self._look)
        else:
            self._task = self._loop.create_task(self._close(), name="tenantry: closing idle connections")

    async def _close(self) -> None:
        try:
            await greenlet_spawn(self._close_due)
        except BaseException:
            self._task = self._loop = None
            raise
        self._task = None
        if self._loop is not None:
            self._look()
