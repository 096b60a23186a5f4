"""The driver's connection, which sends `SET LOCAL` statements in the same message as BEGIN.

asyncpg starts a transaction with one message of the simple protocol, `BEGIN;`, and such a message may contain several
statements. So the settings of a transaction, such as its tenant, are sent with BEGIN. This needs no further round trip,
and the transaction is never open without its tenant. `SET LOCAL` ends with the transaction, so the next user of the
connection does not see the tenant.

A pooled connection is cleaned before its first use after each checkout, so that state from an earlier unit of work does
not reach the next one (`cleaning`). This needs no round trip either, because the cleaning is sent in front of BEGIN.

The second invariant is about COMMIT: if the answer to COMMIT is lost, the transaction may or may not be committed. That
is a separate error, so that it is not retried by mistake.

The third invariant: a connection is used again only if its state is known. asyncpg and SQLAlchemy treat a transaction
as ended when they requested its end, even without an answer. So a BEGIN, COMMIT or ROLLBACK without an answer (a time
limit, a cancellation, an error of the driver) ends the connection. Otherwise the pool would give a connection with an
open transaction to the next request. Commands of savepoints need no such rule, because the transaction around them
still ends by one of those three.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from tenantry import errors
from tenantry.postgres.session_cleaning import TRACKED, clean_backend, clean_session

__all__ = ["DRIVER_ERRORS", "Connection"]

# All errors of the driver and the socket; TimeoutError is an OSError. asyncpg raises InternalClientError when it is
# used after the server's final error (such as 57P01) and before the end of the stream.
DRIVER_ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

# Seconds for an orderly close. A working server answers within a round trip. A dead server never answers, and asyncpg's
# close() would first open another connection to cancel the running statement.
CLOSE_TIMEOUT = 0.5

_BEGIN = re.compile(r"\s*(?:BEGIN|START\s+TRANSACTION)\b[^;]*", re.IGNORECASE)
_COMMIT = re.compile(r"\s*(?:COMMIT|END)\b[^;]*;?\s*", re.IGNORECASE)
_ROLLBACK = re.compile(r"\s*(?:ROLLBACK|ABORT)\b(?!.*\bTO\b)", re.IGNORECASE | re.DOTALL)
_READ_ONLY = re.compile(r"\bREAD\s+ONLY\b", re.IGNORECASE)
# SQL can make a READ ONLY transaction writable before its first query (manual, SET TRANSACTION). DO, CALL and
# set_config() count as queries there.
_MAY_TURN_WRITABLE = re.compile(r"\bREAD\b.*\bWRITE\b|transaction_read_only", re.IGNORECASE | re.DOTALL)


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg ships no types
    """An asyncpg connection whose transactions begin with a preamble.

    `preamble` is set by the caller for all following transactions: one or more `SET LOCAL` statements, or nothing.
    `standing` belongs to the connection: the settings that each transaction needs, because behind a pooler in
    transaction mode the session cannot keep them.

    `is_pooled` is True if several units of work use the connection, so that each must find it clean. `is_abandoned` is
    True if this process ended the connection, so that its end says nothing about the server.
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
        "needs_transaction",
        "preamble",
        "standing",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.preamble = ""
        self.standing = ""
        self.behind_bouncer = False
        self.is_pooled = False
        self.needs_transaction = False
        self.is_abandoned = False
        self._is_read_only = False
        self._may_turn_writable = False
        self._is_clean = True
        # The names of the driver's open prepared statements.
        self._prepared: set[str] = set()
        reported = self._protocol.get_settings()
        self._tracked = {name: getattr(reported, name) for name in TRACKED if hasattr(reported, name)}
        # A named statement would stay on a pooler's server connection, where the next client prepares the same name.
        self._stmt_cache_enabled = False  # type: ignore[misc]  # a slot of the base class

    def cache_statements(self) -> None:
        """Keep prepared statements from now on, because no pooler is in between."""
        self._stmt_cache_enabled = True  # type: ignore[misc]  # as above

    @property
    def is_idle(self) -> bool:
        """Whether, as far as the driver knows, no transaction is open and no cancellation is unanswered."""
        if self.is_closed() or self.is_in_transaction():
            return False
        return not self._protocol._is_cancelling()  # noqa: SLF001  # asyncpg has no public name for it.

    def abandon(self) -> None:
        """End the connection at once, without a message to the server, because its state is unknown."""
        if not self.is_closed():
            self.is_abandoned = True
            self.terminate()

    @contextlib.asynccontextmanager
    async def as_configured(self) -> AsyncIterator[None]:
        """Run the block with the session's role and settings; behind a pooler that needs a transaction."""
        async with self.transaction() if self.behind_bouncer else contextlib.nullcontext():
            yield

    def hand_out(self) -> bool:
        """Mark the connection as used; return False if cleaning cannot make it usable again.

        Cleaning cannot end an open transaction. It cannot change the encoding either, because the next message is
        already sent in it: a tenant's name may not exist in the encoding that an earlier tenant set.
        """
        if self.is_pooled:
            self._is_clean = False
            # The cleaning sends UNLISTEN *, so asyncpg's list of listeners would be wrong.
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
        """Run a command; if it begins a transaction, send the preamble with it.

        Raises:
            OutcomeUnknown: COMMIT was sent, and the connection broke before the server answered.
            DatabaseUnavailable: the same, but the transaction was READ ONLY, so it may be repeated.
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
        self._check_transaction()
        await self.clean()
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    def _check_transaction(self) -> None:
        """Refuse a statement of a unit of work whose transaction has not begun.

        SQLAlchemy sends BEGIN with its first statement. Before that, a caller of the driver would read no row, without
        an error.
        """
        if self.needs_transaction and not self.is_in_transaction():
            raise errors.TransactionRequired(
                "The driver's connection was used before the transaction of its unit of work began.",
                why="BEGIN binds the tenant, and SQLAlchemy sends it with its first statement. Nothing was sent.",
                remedy="Run a statement with the session first: `await session.execute(text('SELECT 1'))`.",
            )

    async def _copy_in(self, *args: Any, **options: Any) -> Any:
        self._check_transaction()
        return await super()._copy_in(*args, **options)

    async def _copy_out(self, *args: Any, **options: Any) -> Any:
        self._check_transaction()
        return await super()._copy_out(*args, **options)

    async def ping(self) -> None:
        """Make the server answer, without any change of the session."""
        # Not the empty query, because asyncpg cannot read the answer to it.
        await super().execute("SELECT 1")

    async def _get_statement(self, query: str, timeout: float | None, **options: Any) -> Any:  # noqa: ASYNC109  # asyncpg's
        """Prepare a statement, and remember its name. Every query with parameters and every cursor calls this."""
        self._note_mode(query)
        if _BEGIN.match(query):
            # This transaction begins without `_begin`, so its mode is unknown.
            self._may_turn_writable = True
        else:
            self._check_transaction()
        await self.clean()
        statement = await super()._get_statement(query, timeout, **options)
        if statement.name:
            self._prepared.add(statement.name)
        return statement

    async def _cleanup_stmts(self) -> None:
        """Close the statements that asyncpg no longer needs, and forget their names."""
        closing = {statement.name for statement in self._stmts_to_close}
        await super()._cleanup_stmts()
        self._prepared -= closing

    def _note_mode(self, query: str) -> None:
        """Remember for good that a READ ONLY transaction may become writable: a prepared statement may run again."""
        if not self._may_turn_writable and _MAY_TURN_WRITABLE.search(query):
            self._may_turn_writable = True

    async def _control(self, command: str, limit: float | None) -> str:
        """Run a command that begins or ends a transaction; end the connection unless the server answered it.

        A PostgresError is an answer of the server: asyncpg then knows the state, or knows that the connection is gone.
        After any other error the state is unknown. If asyncpg refused to send the command, the transaction is still
        open although its owner considers it ended.
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
        # Not inside a transaction: the COMMIT of the cleaning would end it.
        if not self.is_pooled or self.is_in_transaction():
            return ""
        if self.behind_bouncer:
            return clean_backend(self._tracked)
        return "" if self._is_clean else clean_session(len(self._prepared))

    async def _send(self, message: str, limit: float | None = None) -> str:
        """Send a message that begins a transaction; if it fails, make sure that no transaction stays open."""
        try:
            return await self._control(message, limit)
        except BaseException:
            # For asyncpg a transaction has begun, and perhaps also for the server: BEGIN may succeed and the preamble
            # may fail. Without the ROLLBACK, the next user of the connection would start inside a failed transaction.
            self._top_xact = None  # type: ignore[misc]  # a slot of the base class
            if not self.is_closed() and self.is_in_transaction():
                # The caller gets the first error. If the ROLLBACK gets no answer, `_control` ends the connection.
                with contextlib.suppress(*DRIVER_ERRORS):
                    await self._control("ROLLBACK;", CLOSE_TIMEOUT)
            raise

    async def _commit(self, query: str, limit: float | None) -> str:
        is_read_only, self._is_read_only = self._is_read_only and not self._may_turn_writable, False
        try:
            return await self._control(query, limit)
        except asyncpg.InterfaceError:
            # asyncpg refused to send the command: another operation runs, or the connection was closed.
            raise
        except Exception as error:
            # If the connection is still open, an error of the server is an answer: the transaction was rolled back.
            # After an InternalClientError for a command that was not sent, asyncpg has closed the connection itself.
            is_answered = isinstance(error, asyncpg.PostgresError) and not self.is_closed()
            is_unsent = isinstance(error, asyncpg.InternalClientError) and not self.is_abandoned
            if is_answered or is_unsent:
                raise
            raise _lost_commit(error, is_read_only=is_read_only) from error

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # asyncpg's name
        """Close the connection in order, but wait no longer than `CLOSE_TIMEOUT` seconds for the server."""
        try:
            async with asyncio.timeout(min(CLOSE_TIMEOUT, timeout or CLOSE_TIMEOUT)):
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
        remedy="Check in the database if the change is there, before you repeat it.",
    )
