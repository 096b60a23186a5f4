"""The attacker on one connection: what it sends, and what an answer of the server means.

A breach is told by data: a row of somebody else, a changed row, a value that only another tenant has. A refusal counts
only with a SQLSTATE that means one. Any other error means that the attack itself did not work, which proves nothing; it
is reported as such, and never as safety.
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
from tenantry.proof.isolation.ground import Ground
from tenantry.proof.isolation.knowledge import Knowledge, know
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, skipped

__all__ = ["BROKEN", "MARKER", "REFUSED", "Bout", "is_over", "open_bout"]

BROKEN = "the attack is broken: "
REFUSED = "refused"

# insufficient_privilege, which row security's refusals are too; invalid authorization; an exception that somebody's own
# function or trigger raised.
REFUSALS = frozenset({"42501", "28000", "P0001"})

# What an error's text holds when the attacker made it tell a value.
MARKER = "tenantry-leak:"


def is_over(verdict: Verdict) -> bool:
    """Whether an attack of several steps ends with this one: it got through, it broke, or the server refused it."""
    return verdict.outcome is not Outcome.BLOCKED or verdict.detail.startswith(REFUSED)


class Bout:
    """The attacker on one connection: everything happens in a transaction that is rolled back."""

    def __init__(self, ground: Ground, connection: Connection, knowledge: Knowledge) -> None:
        self.ground = ground
        self.connection = connection
        self.knowledge = knowledge
        self._pending = ""

    def begin(self, preamble: str = "") -> None:
        """Leave the transaction, and have the next statement begin another with `preamble`, in one message."""
        self._pending = f"ROLLBACK; BEGIN; {preamble}{';' if preamble else ''}"

    async def leave(self) -> None:
        """Roll back, and begin nothing."""
        self._pending = ""
        if not self.connection.is_closed():
            await self.connection.execute("ROLLBACK")

    async def execute(self, statement: str) -> str:
        """Send a statement, or several, and return the status of the last."""
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

        # The driver's public methods quote a table's name, or take a query; the statement itself is the attack's.
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
        """Judge a statement that must be refused; `what` completes "the server let the attacker ..."."""
        try:
            await self.execute(statement)
        except asyncpg.PostgresError as error:
            return self.judge(error, also=also)
        return breach(f"The server let the attacker {what or statement}.")

    def judge(self, error: BaseException, *, also: Collection[str] = ()) -> Verdict:
        """Return what an error means: a refusal, or that the attack did not work."""
        state = sqlstate_of(error)
        if state is not None and (state in REFUSALS or state in also):
            return blocked(f"{REFUSED} ({state})")
        text = str(error) or type(error).__name__
        return skipped(f"{BROKEN}{state or type(error).__name__} {text}")


@asynccontextmanager
async def open_bout(ground: Ground) -> AsyncIterator[Bout]:
    """Open a connection of the attacker's for an attack that is not about one table."""
    knowledge = await know(ground)
    connection = await ground.connect()
    try:
        yield Bout(ground, connection, knowledge)
    finally:
        await connection.close()
