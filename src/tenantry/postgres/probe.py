"""Check if the database answers, over a separate connection, with a deadline that includes the connection attempt.

A check through the pool would test the pool: if the pool is exhausted, the check would report a healthy database as
down. The invariant: every check has a result within the deadline. Concurrent checks share one query.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tenantry import errors
from tenantry.postgres.connect import Connector
from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.dial import Session
from tenantry.postgres.role_facts import ROLE_FACTS, RoleFacts
from tenantry.postgres.statements import load_statements
from tenantry.secrets import AddressSource

__all__ = ["Inquiry", "Probe", "ProbeResult"]

_SERVER_STATE = load_statements("tenantry.postgres", "probe.sql")["server_state"]
_QUESTION = f"SELECT * FROM ({_SERVER_STATE}) AS state CROSS JOIN ({ROLE_FACTS}) AS role"  # noqa: S608  # ours, both
_OF_THE_SERVER = ("in_recovery", "server_version", "revisions")


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a check. If the database did not answer, `ok` is False, `error` says why, and the rest is unknown.

    `revision` is the content of Alembic's table, with a comma between several heads; None if the table does not exist,
    is empty or cannot be read. `objection` is the problem that the probe's inquiry found.
    """

    ok: bool
    latency_ms: float
    in_recovery: bool | None = None
    server_version: str | None = None
    revision: str | None = None
    role: RoleFacts | None = None
    error: str | None = None
    objection: str | None = None


# A further check over the probe's connection; it returns a sentence about the problem, or None.
Inquiry = Callable[[Connection], Awaitable[str | None]]


class Probe:
    """Checks the database over one connection, which the first check opens; a broken connection is replaced."""

    def __init__(
        self,
        source: AddressSource,
        role: str | None = None,
        *,
        deadline: float = 0.8,
        application_name: str = "tenantry probe",
        version_table: str = "alembic_version",
        inquiry: Inquiry | None = None,
    ) -> None:
        # The server cancels a query that the probe no longer waits for.
        limit = {"statement_timeout": str(round(deadline * 1000))}
        self._connector = Connector(source, Session(application_name, role, limit))
        self._deadline = deadline
        self._version_table = version_table
        self._inquiry = inquiry
        self._connection: Connection | None = None
        self._flight: asyncio.Task[ProbeResult] | None = None

    async def check(self) -> ProbeResult:
        """Run a check, or share the result of a running check. It raises no error for a failure of the database."""
        flight = self._flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            flight = self._flight = asyncio.create_task(self._fly())
        # Shielded: the cancellation of one caller must not cancel the check of the others.
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Close the connection; a later check opens another."""
        if self._flight is not None:
            self._flight.cancel()
            self._flight = None
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _fly(self) -> ProbeResult:
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                row, objection = await self._ask(began + self._deadline)
        except (*DRIVER_ERRORS, errors.DatabaseUnavailable, errors.ConfigurationError) as error:
            self._drop()
            return ProbeResult(ok=False, latency_ms=_since(began), error=self._sentence(error))
        except BaseException:
            self._drop()
            raise
        return replace(_answer(row, _since(began)), objection=objection)

    async def _ask(self, ends: float) -> tuple[Mapping[str, Any], str | None]:
        connection = self._connection
        if connection is not None and not connection.is_closed():
            try:
                return await self._question(connection)
            except DRIVER_ERRORS:
                # The connection may have broken since the last check, so try a new connection.
                self._drop()
        connection = await self._connector.connect(deadline=max(0.0, ends - time.monotonic()), patience=0)
        self._connection = connection
        return await self._question(connection)

    async def _question(self, connection: Connection) -> tuple[Mapping[str, Any], str | None]:
        async with connection.as_configured():
            row: Mapping[str, Any] = await connection.fetchrow(_QUESTION, self._version_table)
        return row, None if self._inquiry is None else await self._inquiry(connection)

    def _drop(self) -> None:
        """Close the socket without a message to the server, which could take longer than the check."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, errors.TenantryError):
            return str(error)
        if isinstance(error, TimeoutError):
            return f"The database did not answer within {self._deadline:g} s."
        return f"The database did not answer ({type(error).__name__})."


def _answer(row: Mapping[str, Any], latency_ms: float) -> ProbeResult:
    return ProbeResult(
        ok=True,
        latency_ms=latency_ms,
        in_recovery=row["in_recovery"],
        server_version=row["server_version"],
        revision=", ".join(row["revisions"]) or None,
        role=RoleFacts.from_row({name: value for name, value in row.items() if name not in _OF_THE_SERVER}),
    )


def _since(began: float) -> float:
    return round((time.monotonic() - began) * 1000, 3)
