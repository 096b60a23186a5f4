"""The catalogue of attacks: each has a name that does not change, a family, a sentence and a function.

A decorator registers an attack where it is defined. The reports, the documentation and the tests read this catalogue,
so they all know the same attacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from tenantry.proof.isolation.verdict import AttackResult, Verdict

if TYPE_CHECKING:
    from tenantry.proof.isolation.attempt import Attempt
    from tenantry.proof.isolation.database import AttackedDatabase

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
    """One way to reach another tenant's data. `sentence` completes "The attacker tries to ..."."""

    name: str
    family: str
    sentence: str
    run: _Run
    # Whether it is tried in every binding, or only in that of the attacker's own tenant.
    in_every_binding: bool = True


TableRun = Callable[["Attempt"], Awaitable[Verdict]]
ServiceRun = Callable[["AttackedDatabase"], AsyncIterator[AttackResult]]


async def _nothing(_attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Yield nothing: the runner itself checks the rows, after each family and each attack on the service."""
    nothing: tuple[AttackResult, ...] = ()
    for one in nothing:
        yield one


LASTING_CHANGE: Attack[ServiceRun] = Attack(
    "lasting_change",
    "every family",
    "change rows of others for good, by any of these",
    _nothing,
    in_every_binding=False,
)

TABLE_ATTACKS: dict[str, Attack[TableRun]] = {}
SERVICE_ATTACKS: dict[str, Attack[ServiceRun]] = {}


def table_attack(family: str, sentence: str, *, in_every_binding: bool = True) -> Callable[[TableRun], TableRun]:
    """Register an attack on each tenant table. Each attempt is a transaction that is rolled back."""

    def register(run: TableRun) -> TableRun:
        name = run.__name__
        TABLE_ATTACKS[name] = Attack(name, family, sentence, run, in_every_binding)
        return run

    return register


def service_attack(family: str, sentence: str) -> Callable[[ServiceRun], ServiceRun]:
    """Register an attack that opens its own connections, and yields a result for each object that it attacked."""

    def register(run: ServiceRun) -> ServiceRun:
        name = run.__name__
        SERVICE_ATTACKS[name] = Attack(name, family, sentence, run, in_every_binding=False)
        return run

    return register


def all_attacks() -> tuple[Attack[TableRun] | Attack[ServiceRun], ...]:
    """Return the whole catalogue, in the order in which it is tried."""
    return (*TABLE_ATTACKS.values(), *SERVICE_ATTACKS.values(), LASTING_CHANGE)
