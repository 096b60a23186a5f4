"""Repeat a step that failed because another process changed the same catalog row at the same time.

PostgreSQL does not wait for a row of its catalogs as it waits for a row of a table: if two sessions change one role or
one database, the second session fails. A step that first checks what is missing can be repeated safely.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import asyncpg

__all__ = ["repeat_on_collision"]

# Another process made the object at the same moment (unique_violation, duplicate_object), or changed the same row of a
# catalog (internal_error, "tuple concurrently updated"; deadlock_detected).
_COLLISIONS = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateObjectError,
    asyncpg.InternalServerError,
    asyncpg.DeadlockDetectedError,
)
ATTEMPTS = 20


async def repeat_on_collision(step: Callable[[], Awaitable[object]]) -> None:
    """Run a step, and repeat it while it collides with another session.

    Raises:
        PostgresError: the step collided at every attempt, or failed for another reason.
    """
    for attempt in range(ATTEMPTS):
        try:
            await step()
        except _COLLISIONS:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(random.uniform(0.005, 0.05))  # noqa: S311  # no secret
        else:
            return
