"""Run a coroutine so that a signal cancels it and its cleanup still runs."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run_to_end"]

_Result = TypeVar("_Result")

# A supervisor sends SIGTERM, a terminal that closes sends SIGHUP. asyncio handles Ctrl-C.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def run_to_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in a new event loop. A signal cancels it, and its cleanup ends before this function raises.

    Raises:
        KeyboardInterrupt: SIGINT, SIGTERM or SIGHUP arrived.
    """

    async def run() -> _Result:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for number in ENDINGS:
            loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
