"""Ending early: a command that a signal stops removes what it made."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["run_to_end"]

_Result = TypeVar("_Result")

# What a supervisor sends, and what a terminal that is closed does; Ctrl-C is asyncio's own.
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


def run_to_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine in a loop of its own; a signal cancels it, and it cleans up before this raises.

    Raises:
        KeyboardInterrupt: a signal came, whichever of the three.
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
