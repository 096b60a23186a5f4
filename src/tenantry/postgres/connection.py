"""The driver's connection, taught to bind a transaction in the message that begins it.

asyncpg starts a transaction with one simple-protocol message, `BEGIN;`, and a message may hold several statements. So
what has to hold for a whole transaction, a tenant above all, travels with BEGIN: no round trip of its own, and no
moment in which the transaction is open and unbound. Because it is `SET LOCAL`, it also ends with the transaction,
whoever gets the connection next.

The second invariant is about the other end: when COMMIT was sent and the answer was lost, nobody can say what became
of the transaction. That is an error of its own, so that no one retries it by accident.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg

from tenantry import errors

__all__ = ["DRIVER_ERRORS", "Connection"]

# All that the driver and the socket raise; TimeoutError is an OSError. InternalClientError is what asyncpg says when it
# is used between the server's last words (57P01, say) and the end of the stream: the connection is gone.
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# How long a goodbye may take. A living server answers within a round trip; a dead one never does, and asyncpg's own
# close() would first ask it, over yet another connection, to cancel what is running.
GOODBYE = 0.5

_BEGIN = re.compile(r"\s*(?:BEGIN|START\s+TRANSACTION)\b[^;]*", re.IGNORECASE)
_COMMIT = re.compile(r"\s*(?:COMMIT|END)\b[^;]*;?\s*", re.IGNORECASE)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """An asyncpg connection whose transactions begin with a preamble.

    `preamble` is the caller's, for the transactions that follow until it is changed: one or more `SET LOCAL`
    statements, or nothing. `standing` belongs to the connection and says what each transaction needs because the
    session cannot hold it (behind a bouncer in transaction mode, the session is somebody else's a moment later).
    """

    __slots__ = ("behind_bouncer", "preamble", "standing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preamble = ""
        self.standing = ""
        self.behind_bouncer = False

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109  # asyncpg's
        """Run a command; one that begins a transaction takes the preamble along.

        Raises:
            OutcomeUnknown: COMMIT was sent, and the connection broke before the server answered.
        """
        if not args:
            begin = _BEGIN.match(query)
            if begin:
                return await self._begin(query, begin.end(), timeout)
            if _COMMIT.fullmatch(query) and not self.is_closed():
                return await self._commit(query, timeout)
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    async def _begin(self, query: str, end: int, limit: float | None) -> str:
        bound = "; ".join(part for part in (query[:end], self.standing, self.preamble) if part)
        try:
            status: str = await super().execute(bound + query[end:], timeout=limit)
        except BaseException:
            # asyncpg believes that a transaction has begun, and the server may agree: BEGIN can succeed and the
            # preamble fail. Left so, the next user of the connection would start inside a failed transaction.
            self._top_xact = None  # type: ignore[misc]  # a slot of the base class
            if not self.is_closed() and self.is_in_transaction():
                await super().execute("ROLLBACK;", timeout=GOODBYE)
            raise
        return status

    async def _commit(self, query: str, limit: float | None) -> str:
        try:
            status: str = await super().execute(query, timeout=limit)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            # While the connection stands, the server's refusal is an answer: the transaction was rolled back. An
            # InternalClientError passes through: asyncpg refuses the next message before it sends any of it.
            if not self.is_closed() and not isinstance(error, OSError):
                raise
            raise errors.OutcomeUnknown(
                "The connection broke after COMMIT was sent, so the transaction may or may not be in the database.",
                why=f"The server's answer was lost ({type(error).__name__}).",
                remedy="Look whether the change is there before doing it again.",
            ) from error
        return status

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's name
        """Close with a goodbye to the server, but never wait longer than `GOODBYE` seconds for it."""
        try:
            async with asyncio.timeout(min(GOODBYE, timeout or GOODBYE)):
                await super().close()
        except TimeoutError:
            self.terminate()
