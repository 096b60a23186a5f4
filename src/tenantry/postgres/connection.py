"""The driver's connection, taught to bind a transaction in the message that begins it.

asyncpg starts a transaction with one simple-protocol message, `BEGIN;`, and a message may hold several statements. So
what has to hold for a whole transaction, a tenant above all, travels with BEGIN: no round trip of its own, and no
moment in which the transaction is open and unbound. Because it is `SET LOCAL`, it also ends with the transaction,
whoever gets the connection next.

A connection of a pool is cleaned before its first use after each checkout: what SQL of an earlier unit of work left in
the session travels no further (`cleaning`). That costs no round trip either, because it stands in front of BEGIN.

Another invariant is about the other end: when COMMIT was sent and the answer was lost, the transaction may or may
not have happened. That is an error of its own, so that it is not retried by accident.

The last: a connection is used further only while its state is known. asyncpg and SQLAlchemy hold a transaction for
ended once they asked for its end, answered or not. So a BEGIN, COMMIT or ROLLBACK that got no answer (a time limit, a
cancellation, an error of the driver) ends the connection; from the pool, every request would get it inside that
transaction. A savepoint's commands need no such rule: the transaction around them still has to end, by one of those
three.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
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
_ROLLBACK = re.compile(r"\s*(?:ROLLBACK|ABORT)\b(?!.*\bTO\b)", re.IGNORECASE | re.DOTALL)
_READ_ONLY = re.compile(r"\bREAD\s+ONLY\b", re.IGNORECASE)
# A READ ONLY transaction can be made writable before its first query (manual, SET TRANSACTION). DO, CALL and
# set_config() are queries in that sense.
_MAY_TURN_WRITABLE = re.compile(r"\bREAD\b.*\bWRITE\b|transaction_read_only", re.IGNORECASE | re.DOTALL)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """An asyncpg connection whose transactions begin with a preamble.

    `preamble` is the caller's, for the transactions that follow until it is changed: one or more `SET LOCAL`
    statements, or nothing. `standing` belongs to the connection and says what each transaction needs because the
    session cannot hold it (behind a bouncer in transaction mode, the session is another client's a moment later).

    `is_pooled` says that one unit of work after the other uses the connection, so that each must find it clean.
    `is_abandoned` tells that the connection was ended from this side, so that it says nothing about the server.
    """

    __slots__ = (
        "_is_clean",
        "_is_read_only",
        "_may_turn_writable",
        "_prepared",
        "_tracked",
        "behind_bouncer",
        "is_abandoned",
        "is_pooled",
        "preamble",
        "standing",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preamble = ""
        self.standing = ""
        self.behind_bouncer = False
        self.is_pooled = False
        self.is_abandoned = False
        self._is_read_only = False
        self._may_turn_writable = False
        self._is_clean = True
        # The names of the statements that the driver prepared and did not close.
        self._prepared: set[str] = set()
        reported = self._protocol.get_settings()
        self._tracked = {name: getattr(reported, name) for name in TRACKED if hasattr(reported, name)}
        # A named statement would stay on a pooler's server connection, where the next client prepares the same name.
        self._stmt_cache_enabled = False  # type: ignore[misc]  # a slot of the base class

    def cache_statements(self) -> None:
        """Keep prepared statements from now on: no pooler stands between."""
        self._stmt_cache_enabled = True  # type: ignore[misc]  # as above

    @property
    def is_idle(self) -> bool:
        """Whether no transaction is open and no cancelled statement is unanswered, as far as the driver was told."""
        if self.is_closed() or self.is_in_transaction():
            return False
        return not self._protocol._is_cancelling()  # noqa: SLF001  # asyncpg tells it nowhere else.

    def abandon(self) -> None:
        """End the connection at once, without a word to the server: its state is not known."""
        if not self.is_closed():
            self.is_abandoned = True
            self.terminate()

    @contextlib.asynccontextmanager
    async def as_configured(self) -> AsyncIterator[None]:
        """Have the session's role and settings in force; behind a bouncer they are so only in a transaction."""
        async with self.transaction() if self.behind_bouncer else contextlib.nullcontext():
            yield

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
            DatabaseUnavailable: the same, but the transaction was READ ONLY: it may be repeated.
        """
        if not args:
            self._note_mode(query)
            begin = _BEGIN.match(query)
            if begin:
                return await self._begin(query, begin.end(), timeout)
            if _COMMIT.fullmatch(query) and not self.is_closed():
                return await self._commit(query, timeout)
            if _ROLLBACK.match(query):
                self._is_read_only = False
                return await self._control(query, timeout)
        await self.clean()
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    async def ping(self) -> None:
        """Have the server answer, and do nothing else: the session stays as it is."""
        # Not the empty query: asyncpg cannot read the answer to it.
        await super().execute("SELECT 1")

    async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109  # asyncpg's
        """Prepare a statement, and remember its name; every query with values and every cursor passes here."""
        self._note_mode(query)
        if _BEGIN.match(query):
            # `_begin` does not see the transaction that this begins.
            self._may_turn_writable = True
        await self.clean()
        statement = await super()._get_statement(query, timeout, **options)
        if statement.name:
            self._prepared.add(statement.name)
        return statement

    async def _cleanup_stmts(self) -> None:
        """Close the statements that asyncpg has done with, and forget their names."""
        closing = {statement.name for statement in self._stmts_to_close}
        await super()._cleanup_stmts()
        self._prepared -= closing

    def _note_mode(self, query: str) -> None:
        """Remember that READ ONLY cannot be relied on: for good, since a prepared statement may come again unseen."""
        if not self._may_turn_writable and _MAY_TURN_WRITABLE.search(query):
            self._may_turn_writable = True

    async def _control(self, command: str, limit: float | None) -> str:
        """Run a command that begins or ends a transaction; end the connection unless the server answered it.

        A PostgresError is the server's answer, after which asyncpg knows the state, or says that the connection is
        gone. Anything else leaves the state open, or, when asyncpg refused to send the command, leaves a transaction
        that its owner takes for ended.
        """
        try:
            status: str = await super().execute(command, timeout=limit)
        except BaseException as error:
            if not isinstance(error, asyncpg.PostgresError):
                self.abandon()
            raise
        return status

    async def _begin(self, query: str, end: int, limit: float | None) -> str:
        cleaning = self._cleaning()
        parts = (cleaning, query[:end], self.standing, self.preamble)
        status = await self._send("; ".join(part for part in parts if part) + query[end:], limit)
        self._is_clean = True
        self._is_read_only = _READ_ONLY.search(query[:end]) is not None
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
            return await self._control(message, limit)
        except BaseException:
            # asyncpg believes that a transaction has begun, and the server may agree: BEGIN can succeed and the
            # preamble fail. Left so, the next user of the connection would start inside a failed transaction.
            self._top_xact = None  # type: ignore[misc]  # a slot of the base class
            if not self.is_closed() and self.is_in_transaction():
                # What failed first is what the caller is told; without an answer the connection is ended anyway.
                with contextlib.suppress(*DRIVER_ERRORS):
                    await self._control("ROLLBACK;", GOODBYE)
            raise

    async def _commit(self, query: str, limit: float | None) -> str:
        is_read_only, self._is_read_only = self._is_read_only and not self._may_turn_writable, False
        try:
            return await self._control(query, limit)
        except asyncpg.InterfaceError:
            # asyncpg refused it before it sent any of it: another operation runs, or the connection was closed.
            raise
        except Exception as error:
            # While the connection stands, the server's refusal is an answer: the transaction was rolled back. And with
            # an InternalClientError asyncpg closes the connection itself where it refused to send.
            is_answered = isinstance(error, asyncpg.PostgresError) and not self.is_closed()
            is_unsent = isinstance(error, asyncpg.InternalClientError) and not self.is_abandoned
            if is_answered or is_unsent:
                raise
            raise _lost_commit(error, is_read_only=is_read_only) from error

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's name
        """Close with a goodbye to the server, but never wait longer than `GOODBYE` seconds for it."""
        try:
            async with asyncio.timeout(min(GOODBYE, timeout or GOODBYE)):
                await super().close()
        except TimeoutError:
            self.terminate()


def _lost_commit(error: Exception, *, is_read_only: bool) -> errors.TenantryError:
    """Return the error for a COMMIT that was sent and not answered."""
    why = f"The server's answer was lost ({type(error).__name__})."
    if is_read_only:
        return errors.DatabaseUnavailable(
            "The connection broke at the end of a READ ONLY transaction.",
            why=why,
            remedy="Repeat the unit of work; the transaction changed nothing.",
            is_repeatable=True,
        )
    return errors.OutcomeUnknown(
        "The connection broke after COMMIT was sent, so the transaction may or may not be in the database.",
        why=why,
        remedy="Look whether the change is there before doing it again.",
    )
