"""One migration at a time: an advisory lock on a connection of its own, asked for again and again.

The lock is never waited for inside the server. A waiting `pg_advisory_lock` is a running statement with a snapshot, and
CREATE INDEX CONCURRENTLY waits for all of those, so that holder and waiters would wait for each other; a question that
is answered at once has neither. The lock belongs to the session: a process that dies releases it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from tenantry import errors
from tenantry.postgres.statements import load_statements

__all__ = ["LOCK_KEY", "migration_lock"]

# Any number that no other program uses; advisory locks are separate for each database.
LOCK_KEY = 0x74656E_616E747279

_HOLDER = load_statements("tenantry.migrations", "lock.sql")["holder"]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


@asynccontextmanager
async def migration_lock(connection: asyncpg.Connection, *, wait: float) -> AsyncIterator[None]:
    """Hold the database's migration lock; `connection` does nothing else meanwhile. `wait` is in seconds.

    Raises:
        MigrationLocked: another process held it all the time.
    """
    gives_up = time.monotonic() + wait
    pause = FIRST_PAUSE
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK_KEY):
        if time.monotonic() + pause > gives_up:
            raise await _locked(connection, wait)
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  # no secret
        pause = min(pause * 1.5, LONGEST_PAUSE)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK_KEY)


async def _locked(connection: asyncpg.Connection, wait: float) -> errors.MigrationLocked:
    holder = await connection.fetchrow(_HOLDER, LOCK_KEY)
    why = "It has just ended."
    if holder is not None:
        name = holder["application_name"] or "a session"
        why = f"It is {name} (pid {holder['pid']}), since {holder['since']:%F %T%z}."
    return errors.MigrationLocked(
        f"Another process was migrating this database for the whole {wait:g} s.",
        why=why,
        remedy="Wait for it. If it hangs, find it in pg_stat_activity, and end it with pg_terminate_backend().",
    )
