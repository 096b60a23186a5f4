"""A timer on the event loop that closes idle connections, also while no traffic comes.

A check at checkout or checkin would not do: after the last request of an evening neither comes. The timer runs only
while something may become due; the next returned connection starts it again. It is a callback and not a task, so it
keeps no event loop running and needs no cleanup when the loop closes. A task exists only while a connection is being
closed, since that waits for the socket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sqlalchemy.util import greenlet_spawn

__all__ = ["IdleTimer"]


class IdleTimer:
    """Calls `close_due` in a greenlet when `due_in` says that something is due.

    `due_in` returns the seconds until then: zero or less when something is due now, None when nothing can become due.
    It is asked first `interval` seconds after the start.
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
        """Start the timer, unless it runs already. Outside of an event loop do nothing; the next call starts it."""
        if self._loop is not None and not self._loop.is_closed():
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            self._loop = None
        else:
            self._timer = self._loop.call_later(self._interval, self._look)

    def stop(self) -> asyncio.Task[None] | None:
        """Stop the timer; return the task that closes a connection at this moment, if there is one.

        The task is not cancelled, because SQLAlchemy would leave a task of its own behind that closes the connection.
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
