"""The hammer: many tasks of three tenants over a few connections, with whatever goes wrong between them.

A check is one statement of a bound unit of work: every row must be the tenant's, and its own rows must be there.
Most checks go over the driver's own connection, where nothing but row security answers and a check costs least; each
unit of work also sends a typed and a textual one. Between the checks units of work commit, roll back, fail, run into
timeouts, are cancelled and lose their connection, in an order that a seed decides.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import time
from collections import Counter
from collections.abc import Awaitable

import asyncpg
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from tenantry import errors
from tenantry.postgres.connection import DRIVER_ERRORS
from tenantry.proof.isolation.ground import Target
from tenantry.proof.isolation.runtime.arena import Arena, Leak, driver_of, readable, roll_call
from tenantry.proof.isolation.runtime.trial import runtime_attack
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.session import TenantSession

__all__ = ["LEAST_CHECKS", "LONGEST"]

# What the proof promises, and how long a slow machine may take over it before the hammer stops short of that.
LEAST_CHECKS = 10_000
LONGEST = 60.0

TASKS = 12
CONNECTIONS = 3

# Checks over the driver that follow a typed and a textual one, twice in each unit of work.
FETCHES = 16

# How a unit of work goes on after its first checks, by weight. Those that cost a connection are rare, for a new one
# takes as long as a hundred checks.
FATES = {
    "commit": 60,
    "rollback": 16,
    "savepoint": 12,
    "error": 12,
    "timeout": 3,
    "deadline": 2,
    "cancel": 3,
    "death": 1,
}


class Trouble(Exception):
    """What a unit of work ends with when its fate is an error."""


@dataclasses.dataclass
class Hammer:
    """The state that all tasks share."""

    arena: Arena
    targets: list[Target]
    until: float
    dice: random.Random
    checks: int = 0
    fates: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def is_done(self) -> bool:
        """Whether there were enough checks, or no time is left for more."""
        return self.checks >= LEAST_CHECKS or time.monotonic() > self.until

    async def swing(self) -> None:
        """Work for one tenant after another."""
        tenants = (self.arena.attacker, self.arena.victim, self.arena.ground.bystander)
        while not self.is_done:
            tenant = self.dice.choice(tenants)
            (fate,) = self.dice.choices(list(FATES), list(FATES.values()))
            self.fates[fate] += 1
            work = self._unit(tenant, fate)
            if fate == "cancel":
                await self._cancelled(asyncio.create_task(work))
            else:
                await _survived(work)

    async def _unit(self, tenant: str, fate: str) -> None:
        async with self.arena.database.tenant(tenant) as session:
            await self._look(session, tenant)
            await self._suffer(session, fate, tenant)
            await self._look(session, tenant)

    async def _look(self, session: TenantSession, tenant: str) -> None:
        # The typed statement first: with it SQLAlchemy begins the transaction, of which the driver knows nothing.
        target = self.dice.choice(self.targets)
        owners = await session.scalars(select(target.table.c[target.tenant_column]))
        self._judge(target, {str(owner) for owner in owners}, tenant)
        connection = await session.connection()
        self.arena.judge((await connection.exec_driver_sql(self.arena.roll_call)).all(), tenant, "under the hammer")
        self.checks += 1
        driver = await driver_of(connection)
        for _ in range(FETCHES):
            self._check(await driver.fetch(self._one()), tenant)

    async def _suffer(self, session: TenantSession, fate: str, tenant: str) -> None:
        connection = await session.connection()
        driver = await driver_of(connection)
        if fate == "rollback":
            await session.rollback()
        elif fate == "savepoint":
            savepoint = await session.begin_nested()
            self._check(await driver.fetch(self._one()), tenant)
            await savepoint.rollback()
        elif fate == "error":
            await connection.exec_driver_sql("SELECT 1/0")
        elif fate == "timeout":
            await connection.exec_driver_sql("SET LOCAL statement_timeout = '1ms'")
            await connection.exec_driver_sql("SELECT pg_sleep(0.1)")
        elif fate == "deadline":
            async with asyncio.timeout(self.dice.uniform(0, 0.003)):
                await connection.exec_driver_sql("SELECT pg_sleep(0.1)")
        elif fate == "death":
            driver.terminate()

    async def _cancelled(self, task: asyncio.Task[None]) -> None:
        await asyncio.sleep(self.dice.uniform(0, 0.01))
        task.cancel()
        try:
            await _survived(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    def _one(self) -> str:
        return roll_call([self.dice.choice(self.targets)])

    def _check(self, rows: list[asyncpg.Record], tenant: str) -> None:
        if not rows or any(row["tenant"] != tenant for row in rows):
            raise Leak(f"under the hammer, after {self.checks} checks {tenant} saw rows of {_owners(rows)}")
        self.checks += 1

    def _judge(self, target: Target, owners: set[str], tenant: str) -> None:
        if owners != {tenant}:
            raise Leak(f"under the hammer, after {self.checks} checks {tenant} saw rows of {owners} in {target.name}")
        self.checks += 1


def _owners(rows: list[asyncpg.Record]) -> str:
    return ", ".join(sorted({row["tenant"] for row in rows})) or "nobody"


async def _survived(work: Awaitable[None]) -> None:
    """Await what may fail, but may not leak."""
    # A statement in a failed or lost transaction: what its fate was to do. The next unit of work is the test.
    with contextlib.suppress(SQLAlchemyError, errors.TenantryError, *DRIVER_ERRORS):
        await work


@runtime_attack(
    "pool", "see another's rows among interleaved tasks, errors, timeouts and cancellations", pool=CONNECTIONS
)
async def interleaved_tasks(arena: Arena) -> Verdict:
    """Swing the hammer with all tasks, until there were ten thousand checks."""
    ground = arena.ground
    tenants = (ground.attacker, ground.victim, ground.bystander)
    inhabited = [target for target in readable(ground) if all(target.rows.get(tenant) for tenant in tenants)]
    start = time.monotonic()
    hammer = Hammer(arena, inhabited, start + LONGEST, random.Random(LEAST_CHECKS))  # noqa: S311  # no secret
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(hammer.swing())
    except* Leak as leaks:
        raise leaks.exceptions[0] from leaks
    await arena.check("after the hammer")
    fates = ", ".join(f"{count} {fate}" for fate, count in hammer.fates.most_common())
    detail = f"{hammer.checks} interleaved checks in {time.monotonic() - start:.1f} s ({fates})"
    if hammer.checks < LEAST_CHECKS:
        return skipped(f"the machine is too busy for {LEAST_CHECKS} checks: {detail}")
    return blocked(detail, checks=hammer.checks)
