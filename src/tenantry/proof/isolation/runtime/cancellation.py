"""Attacks by cancellation: the attacker's task is cancelled at every moment of its unit of work.

`asyncio` cancels where a task waits, and a unit of work waits for the pool, for BEGIN with the binding, for each answer
and for COMMIT. One attack counts the turns of the event loop past each of these, one more each time; the other cancels
after random times, when the server is in the middle of things.
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

# The moments of a unit of work, each named by what the task waits for next.
MOMENTS = ("checkout", "begin", "statement", "savepoint", "commit")
TURNS = 5
RANDOM_MOMENTS = 12
LONGEST_MOMENT = 0.006


async def _work(toolkit: AttackedToolkit, moments: set[str]) -> None:
    """Go through a unit of work, and note which moment was reached."""
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
    # An error where the cancellation hit while one was being dealt with, or where the driver turned it into one.
    with contextlib.suppress(asyncio.CancelledError, SQLAlchemyError, errors.TenantryError):
        await task


@runtime_attack("pool", "find the tenant on a connection after its task was cancelled, turn by turn of the event loop")
async def pool_after_cancellation(toolkit: AttackedToolkit) -> Verdict:
    """Cancel at each moment, and one, two, three turns of the loop past it."""
    for moment in MOMENTS:
        for turns in range(TURNS):
            reached: set[str] = set()
            task = asyncio.create_task(_work(toolkit, reached))
            while moment not in reached and not task.done():  # noqa: ASYNC110  # Turns of the loop are what is counted.
                await asyncio.sleep(0)
            for _ in range(turns):
                await asyncio.sleep(0)
            await _cancel(task)
            await toolkit.check(f"after a cancellation {turns} turns past its {moment}")
    return blocked(f"cancelled {TURNS} times past each of {', '.join(MOMENTS)}")


@runtime_attack("pool", "find the tenant on a connection after its task was cancelled at random moments")
async def pool_after_random_cancellation(toolkit: AttackedToolkit) -> Verdict:
    """Cancel after a random time, so that the server is in the middle of things too."""
    dice = random.Random(RANDOM_MOMENTS)  # noqa: S311  # no secret
    met: Counter[str] = Counter()
    for _ in range(RANDOM_MOMENTS):
        reached: set[str] = set()
        task = asyncio.create_task(_work(toolkit, reached))
        await asyncio.sleep(dice.uniform(0, LONGEST_MOMENT))
        await _cancel(task)
        met[max(reached, key=MOMENTS.index, default="start")] += 1
        await toolkit.check("after a cancellation at a random moment")
    return blocked("cancelled past " + ", ".join(f"{moment} {count} times" for moment, count in met.items()))
