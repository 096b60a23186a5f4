"""One session of the attacker: what it sends, and what the server's answer means.

Only data shows a breach: a row of another tenant, a changed row, a value that only another tenant has. A refusal counts
only if its SQLSTATE means one. Any other error means that the attack itself did not work. That proves nothing, so it is
reported as broken and never as safety.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from tenantry.postgres.connection import Connection
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.attacker_facts import DatabaseFacts, database_facts
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, skipped

__all__ = ["BROKEN", "MARKER", "REFUSED", "AttackSession", "is_over", "open_session"]

BROKEN = "the attack is broken: "
REFUSED = "refused"

# insufficient_privilege, which row security raises too; invalid authorization; an exception from a function or trigger
# of the service.
REFUSALS = frozenset({"42501", "28000", "P0001"})

# Stands in an error's text in front of a value that the attacker made the error show.
MARKER = "tenantry-leak:"


def is_over(verdict: Verdict) -> bool:
    """Return whether an attack of several steps ends with this step: it got through, broke, or was refused."""
    return verdict.outcome is not Outcome.BLOCKED or verdict.detail.startswith(REFUSED)


class AttackSession:
    """A session of the attacker. Everything happens in a transaction that is rolled back."""

    def __init__(self, attacked: AttackedDatabase, connection: Connection, known: DatabaseFacts) -> None:
        self.attacked = attacked
        self.connection = connection
        self.known = known
        self._pending = ""

    def begin(self, preamble: str = "") -> None:
        """End the transaction. The next statement begins another with `preamble`, in the same message."""
        self._pending = f"ROLLBACK; BEGIN; {preamble}{';' if preamble else ''}"

    async def leave(self) -> None:
        """Roll back, and begin no other transaction."""
        self._pending = ""
        if not self.connection.is_closed():
            await self.connection.execute("ROLLBACK")

    async def execute(self, statement: str) -> str:
        """Send one or several statements, and return the status of the last."""
        message, self._pending = self._pending + statement, ""
        status: str = await self.connection.execute(message)
        return status

    async def fetch(self, statement: str) -> list[Any]:
        """Send one statement and return its rows."""
        if self._pending:
            await self.execute("")
        rows: list[Any] = await self.connection.fetch(statement)
        return rows

    async def copy_out(self, source: str) -> list[list[str]]:
        """Return the rows of `COPY source TO STDOUT`."""
        if self._pending:
            await self.execute("")
        received = io.BytesIO()

        async def keep(data: bytes) -> None:
            received.write(data)

        # The driver's public methods build the statement themselves; an attack needs its own.
        await self.connection._copy_out(f"COPY {source} TO STDOUT (FORMAT csv)", keep, None)  # noqa: SLF001
        return list(csv.reader(io.StringIO(received.getvalue().decode())))

    async def copy_in(self, target: str, rows: Iterable[Iterable[str | None]]) -> str:
        """Send rows to `COPY target FROM STDIN`, and return the status."""
        if self._pending:
            await self.execute("")
        text = io.StringIO()
        csv.writer(text).writerows(rows)
        source = io.BytesIO(text.getvalue().encode())
        status: str = await self.connection._copy_in(  # noqa: SLF001  # as above
            f"COPY {target} FROM STDIN (FORMAT csv)", source, None
        )
        return status

    async def refused(self, statement: str, what: str = "", *, also: Collection[str] = ()) -> Verdict:
        """Judge a statement that the server must refuse. `what` completes "the server let the attacker ..."."""
        try:
            await self.execute(statement)
        except asyncpg.PostgresError as error:
            return self.judge(error, also=also)
        return breach(f"The server let the attacker {what or statement}.")

    def judge(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return the verdict of an error: a refusal, or an attack that did not work."""
        state = sqlstate_of(error)
        if state is not None and (state in REFUSALS or state in also):
            return blocked(f"{REFUSED} ({state})")
        text = str(error) or type(error).__name__
        return skipped(f"{BROKEN}{state or type(error).__name__} {text}")


@asynccontextmanager
async def open_session(attacked: AttackedDatabase) -> AsyncIterator[AttackSession]:
    """Open a session of the attacker for an attack that is not about one table."""
    known = await database_facts(attacked)
    connection = await attacked.connect()
    try:
        yield AttackSession(attacked, connection, known)
    finally:
        await connection.close()
