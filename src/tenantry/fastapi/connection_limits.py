"""Limits on connections that uvicorn does not have: a deadline for the head of a request, and a maximum number.

Without them, clients that send half a head and wait hold the process until it has no file descriptor left. A reverse
proxy has these limits too; `tenantry up` runs without one.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["LimitedProtocol"]

# Seconds for the head of a request, from the start of the connection or from the end of the previous response.
HEAD_DEADLINE = 10.0
LARGEST_NUMBER = 1000
# Files and sockets of the process that are not connections of clients: pools, logs, libraries.
RESERVED_FILES = 100


class LimitedProtocol(H11Protocol):
    """uvicorn's protocol for HTTP/1.1, with both limits."""

    head_deadline = HEAD_DEADLINE

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        self._head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close the connection at once if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > largest_number():
            transport.abort()
        else:
            self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Stop the deadline when a request has begun."""
        super().data_received(data)
        if self._has_request():
            self._stop_deadline()

    def on_response_complete(self) -> None:
        """Start the deadline again, for the next head on this connection."""
        self._stop_deadline()
        self._expect_head()
        super().on_response_complete()
        if self._has_request():
            self._stop_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the deadline."""
        self._stop_deadline()
        super().connection_lost(exc)

    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head = self.loop.call_later(self.head_deadline, self.transport.abort)

    def _stop_deadline(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None


def largest_number() -> int:
    """Return how many connections the process accepts: fewer than the files that it may open."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(10, min(LARGEST_NUMBER, files - RESERVED_FILES))
