"""Going down without dropping a request: first `/readyz` says 503, then, after a grace, the server stops accepting.

Invariant: between the signal and the end of the grace every request is still served, so that a load balancer has time
to look elsewhere. It works under any server that stops by signal handlers (uvicorn, alone or with workers): ours is put
in front of the server's for as long as the application runs, and passes the signal on.
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
    """Whether this process is on its way out, and how long it takes its leave."""

    def __init__(self, grace: float = 5.0) -> None:
        self.grace = grace
        self._begun = False
        self._passing: asyncio.TimerHandle | None = None

    @property
    def is_draining(self) -> bool:
        """Whether readiness is withdrawn."""
        return self._begun

    def begin(self) -> None:
        """Withdraw readiness; the signal handlers call this."""
        self._begun = True

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Stand between the stop signals and the server's handlers for them.

        SIGTERM waits for the grace; SIGINT (a person's Ctrl-C) and any second signal go through at once. Where there is
        no server's handler, or no main thread, nothing is changed.
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
