"""Repeat a transaction when that is safe and may help.

It is safe if the failed transaction changed nothing in the database. So the whole unit of work is repeated, never one
statement, and never after a COMMIT whose answer was lost. It may help after a conflict of two transactions, or after a
restart of the server, or a migration under prepared statements. It does not help after a constraint violation.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import stamina
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.postgres.sqlstate import CANNOT_CONNECT_NOW, READ_ONLY, chain_of, constraint_of, sqlstate_of
from tenantry.postgres.stale_statements import is_stale

__all__ = ["constraint_of", "is_retryable", "retry_transaction", "sqlstate_of"]

# COMMIT may raise serialization_failure and deadlock_detected too; then the transaction was rolled back. With 57P01 and
# 57P02, the server went down during the transaction.
_PASSING = {"40001", "40P01", "57P01", "57P02", CANNOT_CONNECT_NOW}

_Result = TypeVar("_Result")


def is_retryable(error: BaseException) -> bool:
    """Return True if the transaction that ended in `error` changed nothing and may succeed when repeated."""
    if any(isinstance(link, (errors.OutcomeUnknown, errors.PoolTimeout)) for link in chain_of(error)):
        # A retry would add load to an exhausted pool.
        return False
    if any(isinstance(link, errors.DatabaseUnavailable) and link.is_repeatable for link in chain_of(error)):
        return True
    if is_stale(error):
        # The refusal ended the transaction, and the next unit of work prepares the statement again.
        return True
    state = sqlstate_of(error)
    if state is not None and state != READ_ONLY:
        return state in _PASSING or (state.startswith("08") and state != "08P01")
    # 25006 is retryable if the pool dropped the connection to a demoted server, not if a READ ONLY transaction wrote.
    return any(_is_lost(link) for link in chain_of(error))


def _is_lost(link: BaseException) -> bool:
    """Return True if the connection broke; a broken socket has no SQLSTATE."""
    if isinstance(link, DBAPIError):
        return link.connection_invalidated
    # The kernel's ETIMEDOUT has an errno. A client's time limit has no errno, and the statement may still be running.
    is_timed_out = isinstance(link, TimeoutError) and link.errno is not None
    return is_timed_out or isinstance(link, (ConnectionError, asyncpg.ConnectionDoesNotExistError))


async def retry_transaction(
    function: Callable[[], Awaitable[_Result]],
    *,
    attempts: int = 5,
    timeout: float = 10.0,  # noqa: ASYNC109
) -> _Result:
    """Run `function`, a whole unit of work, and repeat it after an error that `is_retryable`.

    The function must open its own unit of work, and must be safe to repeat outside the database. `timeout`, in seconds,
    limits the waits between attempts, not an attempt. `stamina.set_active(False)` disables retries.
    """
    caller = stamina.AsyncRetryingCaller(
        attempts=attempts, timeout=timeout, wait_initial=0.02, wait_max=1.0, wait_jitter=0.1
    )
    return await caller(is_retryable, function)
