"""The time that is left to get a connection.

The pool's timeout is the limit for all steps together: the wait for a free connection, the ping, and the opening of a
connection with retries. Each step also has its own limit, and reads here how much time the earlier steps have left.
"""

from __future__ import annotations

import time
from contextvars import ContextVar, Token

__all__ = ["begin", "end", "time_left"]

_ends: ContextVar[float | None] = ContextVar("tenantry_acquiring_ends", default=None)


def begin(timeout: float) -> Token[float | None]:
    """Start the time limit of `timeout` seconds to get a connection; pass the token to `end`."""
    return _ends.set(time.monotonic() + timeout)


def end(token: Token[float | None]) -> None:
    """End the time limit: the connection was returned or the attempt failed."""
    _ends.reset(token)


def time_left(limit: float) -> float:
    """Return the seconds that a step may take; `limit` is its own limit."""
    ends = _ends.get()
    return limit if ends is None else max(0.0, min(limit, ends - time.monotonic()))
