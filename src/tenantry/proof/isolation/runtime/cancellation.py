"""Attacks by cancellation: the attacker's task is cancelled at every moment of its unit of work.

`asyncio` cancels a task where it waits. A unit of work waits for the pool, for BEGIN with the binding, for each answer
and for COMMIT. One attack cancels some turns of the event loop after each of these moments; the other cancels after
random times, while the server is still working.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

from sqlalchemy.exc import SQLAlchemyError

from tenantry import errors
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit
from tenantry.proof.isolation.verdict import Verdict, blocked

__all__: list[str] = []

# The moments of a unit of work, named by what the task waits for next.
MOMENTS = ("checkout", "begin", "statement", "savepoint", "commit")
TURNS = 5
RANDOM_MOMENTS = 12
LONGEST_MOMENT = 0.006


async def _work(toolkit: AttackedToolkit, moments: set[str]) -> None:
    """Run a unit of work, and add each moment that it reaches to `moments`."""
    moments.add("checkout")
    async with toolkit.database.tenant(toolkit.attacker) as session:
        connection = await session.connection()
        moments.add("begin")
        await connection.exec_driver_sql(toolkit.owners_query)
        moments.add("statement")
        await connection.exec_driver_sql("SELECT pg_sleep(0.001)")
        moments.add("savepoint")
        await session.begin_nested()
        await connection.exec_driver_sql(toolkit.owners_query)
        moments.add("commit")


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    # The driver may turn the cancellation into an error, or it may come while an error is handled.
    with contextlib.suppress(asyncio.CancelledError, SQLAlchemyError, errors.TenantryError):
        await task


@runtime_attack("pool", "find the tenant on a connection after its task was cancelled, turn by turn of the event loop")
async def pool_after_cancellation(toolkit: AttackedToolkit) -> Verdict:
    """Cancel at each moment, and some turns of the event loop later."""
    for moment in MOMENTS:
        for turns in range(TURNS):
            reached: set[str] = set()
            task = asyncio.create_task(_work(toolkit, reached))
            while moment not in reached and not task.done():  # noqa: ASYNC110  # The turns of the loop are counted.
                await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            await _cancel(task)
            await toolkit.check(f"after a cancellation {turns} turns after its {moment}")
    return blocked(f"cancelled {TURNS} times after each of {', '.join(MOMENTS)}")


@runtime_attack("pool", "find the tenant on a connection after its task was cancelled at random moments")
async def pool_after_random_cancellation(toolkit: AttackedToolkit) -> Verdict:
    """Cancel after a random time, so that the server is still working too."""
    randomness = random.Random(RANDOM_MOMENTS)  # noqa: S311  # no secret
    reached_last: Counter[str] = Counter()
    for _ in range(RANDOM_MOMENTS):
        reached: set[str] = set()
        task = asyncio.create_task(_work(toolkit, reached))
        await asyncio.sleep(randomness.uniform(0, LONGEST_MOMENT))
        await _cancel(task)
        reached_last[max(reached, key=MOMENTS.index, default="start")] += 1
        await toolkit.check("after a cancellation at a random moment")
    return blocked("cancelled after " + ", ".join(f"{moment} {count} times" for moment, count in reached_last.items()))
