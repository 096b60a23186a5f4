"""Steps that several processes may take at the same moment, repeated until none of them gets in the way of another.

PostgreSQL does not wait for a row of its catalogs as it waits for a row of a table: of two sessions that change one
role or one database, the second fails. A step that first looks at what is missing can simply be repeated.
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
    """Take a step, again for as long as it collides with what another session does.

    Raises:
        PostgresError: it collided every time, or failed for another reason.
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
