"""How much time is left for getting a connection.

The pool's timeout bounds the whole way to a connection: waiting for a free one, the ping, opening one with retries.
Each of these steps has a limit of its own, and asks here for what the steps before it have left.
"""

from __future__ import annotations

import time
from contextvars import ContextVar, Token

__all__ = ["begin", "end", "time_left"]

_ends: ContextVar[float | None] = ContextVar("tenantry_acquiring_ends", default=None)


def begin(timeout: float) -> Token[float | None]:
    """Begin to get a connection, which may take `timeout` seconds in all; `end` takes the token."""
    return _ends.set(time.monotonic() + timeout)


def end(token: Token[float | None]) -> None:
    """End it: the time spent with the connection is not limited here."""
    _ends.reset(token)


def time_left(limit: float) -> float:
    """Return how many seconds a step may take whose own limit is `limit`."""
    ends = _ends.get()
    return limit if ends is None else max(0.0, min(limit, ends - time.monotonic()))
