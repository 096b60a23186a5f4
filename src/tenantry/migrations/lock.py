"""The migration lock: an advisory lock on a separate connection, so that one process at a time migrates.

The lock is polled with `pg_try_advisory_lock`. A waiting `pg_advisory_lock` is a running statement with a snapshot, and
CREATE INDEX CONCURRENTLY waits for all snapshots, so the holder and the waiting processes would wait for each other.
The lock belongs to the session, so the end of a process releases it.
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

# A number that no other program uses. Advisory locks are separate for each database.
LOCK_KEY = 0x74656E_616E747279

_HOLDER = load_statements("tenantry.migrations", "lock.sql")["holder"]

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


@asynccontextmanager
async def migration_lock(connection: asyncpg.Connection, *, wait: float) -> AsyncIterator[None]:
    """Hold the database's migration lock; use `connection` for nothing else meanwhile. `wait` is in seconds.

    Raises:
        MigrationLocked: other processes held the lock for the whole time.
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
    why = "The other process has just released it."
    end = "pg_terminate_backend(pid)"
    if holder is not None:
        name = holder["application_name"] or "a session without application_name"
        why = f"The holder is {name} (pid {holder['pid']}), since {holder['since']:%F %T%z}."
        end = f"pg_terminate_backend({holder['pid']})"
    return errors.MigrationLocked(
        f"Another process held the migration lock of this database for {wait:g} s.",
        why=why,
        remedy=f"Wait until it ends, and try again. If it hangs, check pg_stat_activity, and run: SELECT {end};",
    )
