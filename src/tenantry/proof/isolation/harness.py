"""Runs the catalogue of attacks on a ground, and notes what became of each.

An attack that fails in an unforeseen way must not end the proof, and must not count as safety: it is skipped as broken,
with its error. Between two families the rows of all other tenants are looked at through the admin role: what changed
them is a breach, whatever the attacks themselves have noticed.
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
from tenantry.proof.isolation.bout import BROKEN
from tenantry.proof.isolation.duel import Duel
from tenantry.proof.isolation.ground import Ground, Target
from tenantry.proof.isolation.knowledge import Knowledge, know
from tenantry.proof.isolation.stance import Stance
from tenantry.proof.isolation.verdict import Try, Verdict, blocked, breach, record, skipped

__all__ = ["FAMILIES", "run_attacks", "run_one"]

# The packages whose import fills the catalogue.
FAMILIES = (attacks, runtime)

# One try of a table attack: some milliseconds, unless it waits for a lock that somebody holds.
LONGEST = 10.0

NO_TARGET = "the service has no tenant tables"

Progress = Callable[[int, int], None]


async def run_attacks(ground: Ground, on_progress: Progress = lambda _done, _total: None) -> list[Try]:
    """Try every attack: those on tables on each tenant table, then those on the service as a whole.

    `on_progress` is told how many of how many steps are done; a step is one attack on one table, or on the service.
    """
    harness = _Harness(ground, await know(ground))
    total = len(TABLE_ATTACKS) * max(1, len(ground.targets)) + len(SERVICE_ATTACKS)
    done = itertools.count(1)
    tries: list[Try] = []
    try:
        async for found, steps in harness.run():
            tries += found
            for _ in range(steps):
                on_progress(next(done), total)
    finally:
        await harness.close()
    return tries


async def run_one(ground: Ground, name: str) -> list[Try]:
    """Try one attack by its name, on everything that it is for."""
    harness = _Harness(ground, await know(ground))
    try:
        if name in TABLE_ATTACKS:
            return [one for target in ground.targets for one in await harness.try_table(TABLE_ATTACKS[name], target)]
        return await harness.try_service(SERVICE_ATTACKS[name])
    finally:
        await harness.close()


class _Harness:
    """Holds the one connection that all table attacks share; an attack that loses it gets another."""

    def __init__(self, ground: Ground, knowledge: Knowledge) -> None:
        self._ground = ground
        self._knowledge = knowledge
        self._stances: tuple[Stance, ...] = ()
        self._connection: Connection | None = None

    async def run(self) -> AsyncIterator[tuple[list[Try], int]]:
        """Yield what became of each attack on each table and on the service, and how many steps that was."""
        for family, members in _by_family(TABLE_ATTACKS.values()):
            for attack in members:
                # A signed binding is good for a while only, and one that has expired would be refused as if it held.
                self._stances = self._ground.stances
                for target in self._ground.targets:
                    yield await self.try_table(attack, target), 1
                if not self._ground.targets:
                    yield [record(attack.name, "database", skipped(NO_TARGET))], 1
            yield [await self._look(f"family {family}")], 0
        for service_attack in SERVICE_ATTACKS.values():
            yield await self.try_service(service_attack), 1
            yield [await self._look(f"attack {service_attack.name}")], 0

    async def try_table(self, attack: Attack[TableRun], target: Target) -> list[Try]:
        """Try an attack on a table, in every stance that it is for."""
        self._stances = self._stances or self._ground.stances
        stances = [stance for stance in self._stances if attack.in_every_stance or stance.is_own]
        place = f"{target.schema}.{target.name}"
        return [record(attack.name, place, await self._duel(attack, target, stance), stance.name) for stance in stances]

    async def try_service(self, attack: Attack[ServiceRun]) -> list[Try]:
        """Try an attack on the service."""
        tries: list[Try] = []
        try:
            # An error in the middle leaves what was found until then.
            async for found in attack.run(self._ground):
                tries.append(found)  # noqa: PERF401
        except Exception as error:  # noqa: BLE001  # Whatever it is, the proof goes on and says so.
            tries.append(record(attack.name, "service", _broken(error)))
        return tries

    async def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close()

    async def _duel(self, attack: Attack[TableRun], target: Target, stance: Stance) -> Verdict:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._ground.connect()
        missing = [name for name in self._ground.trio if not self._knowledge.of(target).rows.get(name)]
        if missing:
            return skipped(f"the table has no row of {missing[0]}")
        duel = Duel(self._ground, target, stance, self._connection, self._knowledge)
        try:
            async with asyncio.timeout(LONGEST):
                return await attack.run(duel)
        except Exception as error:  # noqa: BLE001  # Whatever it is, the proof goes on and says so.
            return duel.judge(error)

    async def _look(self, after: str) -> Try:
        """Compare the rows of others with what they were; nothing may be locked meanwhile."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.execute("ROLLBACK")
        changed = await self._ground.expect_untouched()
        verdict = breach(f"Rows of others changed in {', '.join(changed)}.") if changed else blocked("nothing changed")
        return record(LASTING_CHANGE.name, after, verdict)


def _by_family(attacks: Iterable[Attack[TableRun]]) -> Iterator[tuple[str, Sequence[Attack[TableRun]]]]:
    for family, members in itertools.groupby(attacks, key=lambda attack: attack.family):
        yield family, tuple(members)


def _broken(error: BaseException) -> Verdict:
    return skipped(f"{BROKEN}{type(error).__name__} {error}")
