"""The pool of a service: SQLAlchemy's queue pool, whose failures are ours and whose use can be told.

Errors are translated where a connection is asked for, so that every path to a connection (a session's first
statement, an engine's `connect()`) fails in the same words, and no error of a statement is mistaken for one of the
pool.
"""

from __future__ import annotations

import dataclasses

from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection

from tenantry import errors
from tenantry.postgres.connection import DRIVER_ERRORS

__all__ = ["Pool", "PoolStatus", "pool_status"]


class Pool(AsyncAdaptedQueuePool):
    """A queue pool that raises `PoolTimeout` and `DatabaseUnavailable`."""

    def connect(self) -> PoolProxiedConnection:
        """Return a connection of the pool.

        Raises:
            PoolTimeout: every connection was in use for the whole of the pool's timeout.
            DatabaseUnavailable: the connection that was made could not be set up.
        """
        try:
            return super().connect()
        except exc.TimeoutError as error:
            raise errors.PoolTimeout(
                f"No connection became free within {self.timeout():g} s.",
                why=f"All {self.checkedout()} connections that the pool may open are in use.",
                remedy="Look for long units of work, or raise the pool's size and max_connections with it.",
            ) from error
        except (*DRIVER_ERRORS, exc.DBAPIError, exc.InvalidRequestError) as error:
            raise errors.DatabaseUnavailable(
                "The database could not be reached.",
                why=f"Setting up the connection failed ({type(error).__name__}).",
                remedy="Look at the server's log; try again.",
            ) from error


@dataclasses.dataclass(frozen=True, slots=True)
class PoolStatus:
    """How much of a pool is in use: connections kept, checked out, and the most there can be."""

    size: int
    checked_out: int
    limit: int

    @property
    def is_exhausted(self) -> bool:
        """Whether the next to ask has to wait."""
        return self.checked_out >= self.limit


def pool_status(engine: AsyncEngine) -> PoolStatus:
    """Return how much of the engine's pool is in use."""
    pool = engine.pool
    assert isinstance(pool, Pool)
    overflow = pool._max_overflow  # noqa: SLF001  # SQLAlchemy tells the overflow of now, but not its limit.
    return PoolStatus(size=pool.size(), checked_out=pool.checkedout(), limit=pool.size() + overflow)
