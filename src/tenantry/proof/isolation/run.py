"""Run the catalogue of attacks on a database, and collect the result of each.

An attack that fails unexpectedly must neither end the proof nor count as safety: it is skipped as broken, with its
error. After each family the rows of all other tenants are checked through the admin role. A change is a breach, even if
no attack noticed it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence

from tenantry.postgres.connection import Connection
from tenantry.proof.isolation import attacks, runtime
from tenantry.proof.isolation.attack import (
    LASTING_CHANGE,
    SERVICE_ATTACKS,
    TABLE_ATTACKS,
    Attack,
    ServiceRun,
    TableRun,
)
from tenantry.proof.isolation.attacker_facts import DatabaseFacts, database_facts
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.binding import Binding
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable
from tenantry.proof.isolation.session import BROKEN
from tenantry.proof.isolation.verdict import AttackResult, Verdict, blocked, breach, record, skipped

__all__ = ["FAMILIES", "run_attacks", "run_one"]

# The packages whose import fills the catalogue.
FAMILIES = (attacks, runtime)

# Seconds for one attempt on a table. It takes milliseconds, unless it waits for a lock.
LONGEST = 10.0

NO_TARGET = "the service has no tenant tables"

Progress = Callable[[int, int], None]


async def run_attacks(
    attacked: AttackedDatabase, on_progress: Progress = lambda _done, _total: None
) -> list[AttackResult]:
    """Try every attack: first the table attacks on each tenant table, then the attacks on the service.

    `on_progress` gets the number of steps that are done and of all steps. A step is one attack on one table, or one
    attack on the service.
    """
    runner = _Runner(attacked, await database_facts(attacked))
    total = len(TABLE_ATTACKS) * max(1, len(attacked.tables)) + len(SERVICE_ATTACKS)
    done = itertools.count(1)
    results: list[AttackResult] = []
    try:
        async for found, steps in runner.run():
            results += found
            for _ in range(steps):
                on_progress(next(done), total)
    finally:
        await runner.close()
    return results


async def run_one(attacked: AttackedDatabase, name: str) -> list[AttackResult]:
    """Try one attack by its name, on all tables or on the service."""
    runner = _Runner(attacked, await database_facts(attacked))
    try:
        if name in TABLE_ATTACKS:
            return [one for target in attacked.tables for one in await runner.try_table(TABLE_ATTACKS[name], target)]
        return await runner.try_service(SERVICE_ATTACKS[name])
    finally:
        await runner.close()


class _Runner:
    """Has the connection that all table attacks share. After an attack that loses it, the next one gets another."""

    def __init__(self, attacked: AttackedDatabase, known: DatabaseFacts) -> None:
        self._attacked = attacked
        self._known = known
        self._bindings: tuple[Binding, ...] = ()
        self._connection: Connection | None = None

    async def run(self) -> AsyncIterator[tuple[list[AttackResult], int]]:
        """Yield the results of each step, and how many steps they count for."""
        for family, members in _by_family(TABLE_ATTACKS.values()):
            for attack in members:
                # A signed binding expires, and the refusal of an expired one would look like safety.
                self._bindings = self._attacked.bindings
                for target in self._attacked.tables:
                    yield await self.try_table(attack, target), 1
                if not self._attacked.tables:
                    yield [record(attack.name, "database", skipped(NO_TARGET))], 1
            yield [await self._check_rows(f"family {family}")], 0
        for service_attack in SERVICE_ATTACKS.values():
            yield await self.try_service(service_attack), 1
            yield [await self._check_rows(f"attack {service_attack.name}")], 0

    async def try_table(self, attack: Attack[TableRun], target: AttackedTable) -> list[AttackResult]:
        """Try an attack on a table, in each of its bindings."""
        self._bindings = self._bindings or self._attacked.bindings
        bindings = [binding for binding in self._bindings if attack.in_every_binding or binding.is_own]
        place = f"{target.schema}.{target.name}"
        return [
            record(attack.name, place, await self._attempt(attack, target, binding), binding.name)
            for binding in bindings
        ]

    async def try_service(self, attack: Attack[ServiceRun]) -> list[AttackResult]:
        """Try an attack on the service."""
        results: list[AttackResult] = []
        try:
            # One by one, so that an error in the middle keeps the results before it.
            async for found in attack.run(self._attacked):
                results.append(found)  # noqa: PERF401
        except Exception as error:  # noqa: BLE001  # The proof goes on, and reports it.
            results.append(record(attack.name, "service", _broken(error)))
        return results

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    async def _attempt(self, attack: Attack[TableRun], target: AttackedTable, binding: Binding) -> Verdict:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._attacked.connect()
        missing = [name for name in self._attacked.tenants if not self._known.table(target).rows.get(name)]
        if missing:
            return skipped(f"the table has no row of {missing[0]}")
        attempt = Attempt(self._attacked, target, binding, self._connection, self._known)
        try:
            async with asyncio.timeout(LONGEST):
                return await attack.run(attempt)
        except Exception as error:  # noqa: BLE001  # The proof goes on, and reports it.
            return attempt.judge(error)

    async def _check_rows(self, after: str) -> AttackResult:
        """Compare the rows of other tenants with their state before."""
        # An attack's transaction may hold locks that this check would wait for.
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.execute("ROLLBACK")
        changed = await self._attacked.find_changes()
        verdict = (
            breach(f"Rows of other tenants changed in {', '.join(changed)}.") if changed else blocked("nothing changed")
        )
        return record(LASTING_CHANGE.name, after, verdict)


def _by_family(attacks: Iterable[Attack[TableRun]]) -> Iterator[tuple[str, Sequence[Attack[TableRun]]]]:
    for family, members in itertools.groupby(attacks, key=lambda attack: attack.family):
        yield family, tuple(members)


def _broken(error: BaseException) -> Verdict:
    return skipped(f"{BROKEN}{type(error).__name__} {error}")
