"""The driver's connection, taught to bind a transaction in the message that begins it.

asyncpg starts a transaction with one simple-protocol message, `BEGIN;`, and a message may hold several statements. So
what has to hold for a whole transaction, a tenant above all, travels with BEGIN: no round trip of its own, and no
moment in which the transaction is open and unbound. Because it is `SET LOCAL`, it also ends with the transaction,
whoever gets the connection next.

A connection of a pool is cleaned before its first use after each checkout: what SQL of an earlier unit of work left in
the session travels no further (`cleaning`). That costs no round trip either, because it stands in front of BEGIN.

Another invariant is about the other end: when COMMIT was sent and the answer was lost, nobody can say what became
of the transaction. That is an error of its own, so that no one retries it by accident.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg

from tenantry import errors
from tenantry.postgres.cleaning import TRACKED, clean_backend, clean_session

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

    `is_pooled` says that one unit of work after the other uses the connection, so that each must find it clean.
    """

    __slots__ = ("_is_clean", "_prepared", "_tracked", "behind_bouncer", "is_pooled", "preamble", "standing")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preamble = ""
        self.standing = ""
        self.behind_bouncer = False
        self.is_pooled = False
        self._is_clean = True
        # The names of the statements that the driver prepared and did not close.
        self._prepared: set[str] = set()
        reported = self._protocol.get_settings()
        self._tracked = {name: getattr(reported, name) for name in TRACKED if hasattr(reported, name)}

    def hand_out(self) -> bool:
        """Note that other code had the connection; return False if no cleaning can make it usable again.

        An open transaction is not ours to end. The encoding is that of our own next message: a tenant's name may have
        no form in the one that an earlier tenant chose.
        """
        if self.is_pooled:
            self._is_clean = False
            # The cleaning says UNLISTEN *; with its listeners asyncpg would believe that it still listens.
            self._listeners.clear()
        encoding = getattr(self._protocol.get_settings(), "client_encoding", None)
        return not self.is_in_transaction() and encoding == self._tracked.get("client_encoding")

    async def clean(self) -> None:
        """Clean the session now, unless that was done since it was handed out.

        Behind a bouncer that would clean whatever backend is lent for the moment; there only BEGIN cleans.

        Raises:
            asyncpg.PostgresError: it cannot be cleaned; the connection must not be used.
        """
        if self._is_clean or self.behind_bouncer or self.is_in_transaction():
            return
        await self._send(clean_session(len(self._prepared)))
        self._is_clean = True

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
        await self.clean()
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    async def ping(self) -> None:
        """Have the server answer, and do nothing else: the session stays as it is."""
        # Not the empty query: asyncpg cannot read the answer to it.
        await super().execute("SELECT 1")

    async def _get_statement(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare a statement for any of asyncpg's methods, and remember its name."""
        await self.clean()
        statement = await super()._get_statement(*args, **kwargs)
        if statement.name:
            self._prepared.add(statement.name)
        return statement

    async def _cleanup_stmts(self) -> None:
        """Close the statements that asyncpg has done with, and forget their names."""
        closing = {statement.name for statement in self._stmts_to_close}
        await super()._cleanup_stmts()
        self._prepared -= closing

    async def _begin(self, query: str, end: int, limit: float | None) -> str:
        cleaning = self._cleaning()
        parts = (cleaning, query[:end], self.standing, self.preamble)
        status = await self._send("; ".join(part for part in parts if part) + query[end:], limit)
        self._is_clean = True
        return status

    def _cleaning(self) -> str:
        # Inside a transaction there is nothing to clean, and the COMMIT of the cleaning would end it.
        if not self.is_pooled or self.is_in_transaction():
            return ""
        if self.behind_bouncer:
            return clean_backend(self._tracked)
        return "" if self._is_clean else clean_session(len(self._prepared))

    async def _send(self, message: str, limit: float | None = None) -> str:
        """Send a message that begins a transaction, and leave none behind if it fails."""
        try:
            status: str = await super().execute(message, timeout=limit)
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
