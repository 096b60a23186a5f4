"""Stops a server without dropping requests: `/readyz` answers 503, and the server stops after a grace period.

Invariant: during the grace period every request is served, so that a load balancer can remove the process. It works
with every server that stops by signal handlers (uvicorn, alone or with workers): our handler replaces the server's
while the application runs, and calls it after the grace period.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Draining"]

logger = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

_Handler = Callable[[int, FrameType | None], object]


class Draining:
    """Whether this process is shutting down; `grace` is the grace period in seconds."""

    def __init__(self, grace: float = 5.0) -> None:
        self.grace = grace
        self._begun = False
        self._passing: asyncio.TimerHandle | None = None

    @property
    def is_draining(self) -> bool:
        """Whether readiness fails because the process is shutting down."""
        return self._begun

    def begin(self) -> None:
        """Make readiness fail; the signal handlers call this."""
        self._begun = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Replace the server's handlers of the stop signals.

        SIGTERM waits for the grace period. SIGINT (Ctrl-C) and a second signal stop the server at once. Without a
        handler of a server, or outside of the main thread, nothing changes.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        before: dict[int, _Handler] = {}

        def handle(number: int, frame: FrameType | None) -> None:
            is_first = not self._begun
            self.begin()
            if is_first and number == signal.SIGTERM and self.grace > 0:
                loop.call_soon_threadsafe(self._pass_on_later, loop, before[number], number)
                return
            before[number](number, frame)

        for number in map(int, STOP_SIGNALS):
            handler = signal.getsignal(number)
            if callable(handler) and handler is not signal.default_int_handler:
                before[number] = handler
                signal.signal(number, handle)
        try:
            yield
        finally:
            if self._passing is not None:
                self._passing.cancel()
            for number, handler in before.items():
                if signal.getsignal(number) is handle:
                    signal.signal(number, handler)

    def _pass_on_later(self, loop: asyncio.AbstractEventLoop, handler: _Handler, number: int) -> None:
        logger.info("Draining for %g s before the server stops.", self.grace)
        self._passing = loop.call_later(self.grace, handler, number, None)
