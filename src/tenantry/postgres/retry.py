"""Doing a transaction again, when that is safe and may help.

Safe: nothing of the failed transaction is in the database. So it is always the whole unit of work that is repeated,
never a statement; and never after COMMIT was sent and its answer lost. May help: two transactions got into each other's
way, or the server went and came back. A row that a constraint refused will be refused again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
import stamina
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.postgres.sqlstate import CANNOT_CONNECT_NOW, READ_ONLY, chain_of, constraint_of, sqlstate_of

__all__ = ["constraint_of", "is_retryable", "retry_transaction", "sqlstate_of"]

# serialization_failure and deadlock_detected may come at COMMIT too, and then mean that it did not happen. With 57P01
# and 57P02 the server went down under the transaction.
_PASSING = {"40001", "40P01", "57P01", "57P02", CANNOT_CONNECT_NOW}

_Result = TypeVar("_Result")


def is_retryable(error: BaseException) -> bool:
    """Tell whether the transaction that ended in `error` did nothing and may succeed when done again."""
    if any(isinstance(link, (errors.OutcomeUnknown, errors.PoolTimeout)) for link in chain_of(error)):
        # A full pool is not helped by more callers.
        return False
    if any(isinstance(link, errors.DatabaseUnavailable) and link.is_repeatable for link in chain_of(error)):
        return True
    state = sqlstate_of(error)
    if state is not None and state != READ_ONLY:
        return state in _PASSING or (state.startswith("08") and state != "08P01")
    # 25006 counts when the pool dropped a demoted server for it, not when a READ ONLY transaction wrote.
    return any(_is_lost(link) for link in chain_of(error))


def _is_lost(link: BaseException) -> bool:
    """Tell whether the connection broke; a broken socket comes without a SQLSTATE."""
    if isinstance(link, DBAPIError):
        return link.connection_invalidated
    # The kernel's ETIMEDOUT has a number; a limit of our own has none, and the statement may be running still.
    is_timed_out = isinstance(link, TimeoutError) and link.errno is not None
    return is_timed_out or isinstance(link, (ConnectionError, asyncpg.ConnectionDoesNotExistError))


async def retry_transaction(
    function: Callable[[], Awaitable[_Result]],
    *,
    attempts: int = 5,
    timeout: float = 10.0,  # noqa: ASYNC109
) -> _Result:
    """Run `function`, a whole unit of work, again after an error that `is_retryable`.

    It must open its own unit of work, and do nothing outside the database that should not happen twice. `timeout`, in
    seconds, bounds the waiting between attempts, not an attempt. `stamina.set_active(False)` switches retrying off.
    """
    caller = stamina.AsyncRetryingCaller(
        attempts=attempts, timeout=timeout, wait_initial=0.02, wait_max=1.0, wait_jitter=0.1
    )
    return await caller(is_retryable, function)
