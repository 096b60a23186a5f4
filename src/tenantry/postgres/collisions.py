"""Repeat a step that failed because another process changed the same catalog row at the same time.

PostgreSQL does not wait for a row of its catalogs as it waits for a row of a table: if two sessions change one role or
one database, the second session fails. A step that first checks what is missing can be repeated safely. ADR 0023 says
why this is tenacity and not stamina.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg
import tenacity

__all__ = ["repeat_on_collision"]

# Another process made the object at the same moment (unique_violation, duplicate_object), changed the same row of a
# catalog (internal_error, "tuple concurrently updated"; deadlock_detected), or is connected to a database that the step
# needs for itself, such as the template of a new one (object_in_use).
_COLLISIONS = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateObjectError,
    asyncpg.InternalServerError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ObjectInUseError,
)
ATTEMPTS = 20


async def repeat_on_collision(step: Callable[[], Awaitable[object]]) -> None:
    """Run a step, and repeat it while it collides with another session.

    Raises:
        PostgresError: the step collided at every attempt, or failed for another reason.
    """
    # Not `AsyncRetrying(...)(step)`: tenacity awaits only what `async def` made, which a lambda is not.
    async for attempt in tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(_COLLISIONS),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_random(0.01, 0.1),
        reraise=True,
    ):
        with attempt:
            await step()
