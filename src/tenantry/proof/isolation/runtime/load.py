"""The attack under load: many tasks of three tenants share a few connections, and units of work end in every way.

A check is one statement of a bound unit of work: every row must be the tenant's, and the tenant's own rows must be
there. Most checks use the driver's own connection, where row security alone answers and a check is cheapest. Each unit
of work also sends a typed and a textual statement. Between the checks units of work commit, roll back, fail, time out,
are cancelled and lose their connection. A seed decides the order.
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
from tenantry.proof.isolation.database import AttackedTable
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, driver_of, owners_query, readable
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped
from tenantry.tenancy.unit_of_work import TenantSession

__all__ = ["LEAST_CHECKS", "LONGEST"]

# The checks that the proof promises, and the seconds after which a slow machine stops before them.
LEAST_CHECKS = 10_000
LONGEST = 60.0

TASKS = 12
CONNECTIONS = 3

# Checks over the driver that follow a typed and a textual one, twice in each unit of work.
FETCHES = 16

# What happens in a unit of work after its first checks, by weight. Events that cost a connection are rare, because a
# new connection takes as long as a hundred checks.
EVENTS = {
    "commit": 60,
    "rollback": 16,
    "savepoint": 12,
    "error": 12,
    "timeout": 3,
    "deadline": 2,
    "cancel": 3,
    "death": 1,
}


@dataclasses.dataclass
class Load:
    """The state that all tasks share."""

    toolkit: AttackedToolkit
    tables: list[AttackedTable]
    until: float
    random: random.Random
    checks: int = 0
    events: Counter[str] = dataclasses.field(default_factory=Counter)

    @property
    def is_done(self) -> bool:
        """Whether there were enough checks, or the time is over."""
        return self.checks >= LEAST_CHECKS or time.monotonic() > self.until

    async def work(self) -> None:
        """Work for one tenant after another."""
        tenants = (self.toolkit.attacker, self.toolkit.victim, self.toolkit.attacked.bystander)
        while not self.is_done:
            tenant = self.random.choice(tenants)
            (event,) = self.random.choices(list(EVENTS), list(EVENTS.values()))
            self.events[event] += 1
            unit = self._unit(tenant, event)
            if event == "cancel":
                await self._cancel(asyncio.create_task(unit))
            else:
                await _await_failing(unit)

    async def _unit(self, tenant: str, event: str) -> None:
        async with self.toolkit.database.tenant(tenant) as session:
            await self._check_session(session, tenant)
            await self._raise_event(session, event, tenant)
            await self._check_session(session, tenant)

    async def _check_session(self, session: TenantSession, tenant: str) -> None:
        # The typed statement comes first: SQLAlchemy begins the transaction with it, which the driver would not do.
        target = self.random.choice(self.tables)
        owners = await session.scalars(select(target.table.c[target.tenant_column]))
        self._judge(target, {str(owner) for owner in owners}, tenant)
        connection = await session.connection()
        rows = (await connection.exec_driver_sql(self.toolkit.owners_query)).all()
        self.toolkit.judge(rows, tenant, "under load")
        self.checks += 1
        driver = await driver_of(connection)
        for _ in range(FETCHES):
            self._check(await driver.fetch(self._query()), tenant)

    async def _raise_event(self, session: TenantSession, event: str, tenant: str) -> None:
        connection = await session.connection()
        driver = await driver_of(connection)
        if event == "rollback":
            await session.rollback()
        elif event == "savepoint":
            savepoint = await session.begin_nested()
            self._check(await driver.fetch(self._query()), tenant)
            await savepoint.rollback()
        elif event == "error":
            await connection.exec_driver_sql("SELECT 1/0")
        elif event == "timeout":
            await connection.exec_driver_sql("SET LOCAL statement_timeout = '1ms'")
            await connection.exec_driver_sql("SELECT pg_sleep(0.1)")
        elif event == "deadline":
            async with asyncio.timeout(self.random.uniform(0, 0.003)):
                await connection.exec_driver_sql("SELECT pg_sleep(0.1)")
        elif event == "death":
            driver.terminate()

    async def _cancel(self, task: asyncio.Task[None]) -> None:
        await asyncio.sleep(self.random.uniform(0, 0.01))
        task.cancel()
        try:
            await _await_failing(task)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise

    def _query(self) -> str:
        return owners_query([self.random.choice(self.tables)])

    def _check(self, rows: list[asyncpg.Record], tenant: str) -> None:
        if not rows or any(row["tenant"] != tenant for row in rows):
            raise Leak(f"under load, after {self.checks} checks {tenant} saw {_owners(rows)}")
        self.checks += 1

    def _judge(self, target: AttackedTable, owners: set[str], tenant: str) -> None:
        if owners != {tenant}:
            raise Leak(f"under load, after {self.checks} checks {tenant} saw rows of {owners} in {target.name}")
        self.checks += 1


def _owners(rows: list[asyncpg.Record]) -> str:
    return f"rows of {', '.join(sorted({row['tenant'] for row in rows}))}" if rows else "no rows"


async def _await_failing(work: Awaitable[None]) -> None:
    """Await work that may fail but must not leak."""
    # The event made a statement or the transaction fail, or lost the connection. The next unit of work is the test.
    with contextlib.suppress(SQLAlchemyError, errors.TenantryError, *DRIVER_ERRORS):
        await work


@runtime_attack(
    "pool", "see another's rows among interleaved tasks, errors, timeouts and cancellations", pool=CONNECTIONS
)
async def interleaved_tasks(toolkit: AttackedToolkit) -> Verdict:
    """Run all tasks until there were ten thousand checks."""
    attacked = toolkit.attacked
    filled = [target for target in readable(attacked) if all(target.rows.get(tenant) for tenant in attacked.tenants)]
    start = time.monotonic()
    load = Load(toolkit, filled, start + LONGEST, random.Random(LEAST_CHECKS))  # noqa: S311  # no secret
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(load.work())
    except* Leak as leaks:
        raise leaks.exceptions[0] from leaks
    await toolkit.check("after the load")
    events = ", ".join(f"{count} {event}" for event, count in load.events.most_common())
    detail = f"{load.checks} interleaved checks in {time.monotonic() - start:.1f} s ({events})"
    if load.checks < LEAST_CHECKS:
        return skipped(f"the machine is too busy for {LEAST_CHECKS} checks: {detail}")
    return blocked(detail, checks=load.checks)
