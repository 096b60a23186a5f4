"""The catalogue of attacks: each has a name that does not change, a family, a sentence and a function that tries it.

An attack registers itself where it is written, and the reports, the documentation and the tests read the same
catalogue, so that none of them can know an attack that another does not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from tenantry.proof.isolation.verdict import Try, Verdict

if TYPE_CHECKING:
    from tenantry.proof.isolation.duel import Duel
    from tenantry.proof.isolation.ground import Ground

__all__ = [
    "LASTING_CHANGE",
    "SERVICE_ATTACKS",
    "TABLE_ATTACKS",
    "Attack",
    "all_attacks",
    "service_attack",
    "table_attack",
]

_Run = TypeVar("_Run")


@dataclasses.dataclass(frozen=True, slots=True)
class Attack(Generic[_Run]):
    """One way to get at another tenant's data; `sentence` completes "The attacker tries to ..."."""

    name: str
    family: str
    sentence: str
    run: _Run
    # Whether it is tried in every stance, or in the attacker's own tenant only.
    in_every_stance: bool = True


TableRun = Callable[["Duel"], Awaitable[Verdict]]
ServiceRun = Callable[["Ground"], AsyncIterator[Try]]


async def _nothing(_ground: Ground) -> AsyncIterator[Try]:
    """Yield nothing: the harness itself looks, after each family and each attack on the service."""
    nothing: tuple[Try, ...] = ()
    for one in nothing:
        yield one


LASTING_CHANGE: Attack[ServiceRun] = Attack(
    "lasting_change", "every family", "change rows of others for good, by any of these", _nothing, in_every_stance=False
)

TABLE_ATTACKS: dict[str, Attack[TableRun]] = {}
SERVICE_ATTACKS: dict[str, Attack[ServiceRun]] = {}


def table_attack(family: str, sentence: str, *, in_every_stance: bool = True) -> Callable[[TableRun], TableRun]:
    """Register an attack that is tried on each tenant table, in a transaction of its own that is rolled back."""

    def register(run: TableRun) -> TableRun:
        name = run.__name__
        TABLE_ATTACKS[name] = Attack(name, family, sentence, run, in_every_stance)
        return run

    return register


def service_attack(family: str, sentence: str) -> Callable[[ServiceRun], ServiceRun]:
    """Register an attack that looks after its own connections, and yields a try for each object that it touched."""

    def register(run: ServiceRun) -> ServiceRun:
        name = run.__name__
        SERVICE_ATTACKS[name] = Attack(name, family, sentence, run, in_every_stance=False)
        return run

    return register


def all_attacks() -> tuple[Attack[TableRun] | Attack[ServiceRun], ...]:
    """Return the whole catalogue, in the order in which it is tried."""
    return (*TABLE_ATTACKS.values(), *SERVICE_ATTACKS.values(), LASTING_CHANGE)
