"""The results of a proof in the shape that is reported: as JSON, as text and as a page.

The JSON is a contract, so its fields keep their names: `stance` is the name of the binding. Every result has exactly
one of the four outcomes. `attacks` counts those that were made: a skipped one is counted apart, and never as blocked.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tenantry.proof.isolation.verdict import AttackResult, Outcome

__all__ = ["Breach", "Facts", "Limit", "Proof", "RoleFacts", "Skip", "gather", "make_proof", "seen"]


@dataclasses.dataclass(frozen=True, slots=True)
class Breach:
    """An attack that got data of another tenant. `stance` is the name of the binding, '' where there is only one."""

    attack: str
    object: str
    detail: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """An attack that got what the documentation says it can get."""

    attack: str
    object: str
    detail: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class Skip:
    """An attack that could not be made, with the reason."""

    attack: str
    object: str
    reason: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class RoleFacts:
    """One of the service's roles, with the attributes that decide whether row security applies to it."""

    name: str
    can_login: bool
    superuser: bool
    bypass_rls: bool
    create_role: bool
    create_database: bool
    replication: bool
    member_of: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Where the proof was made.

    Attributes:
        origin: how the scratch database was made: `template`, `schema` or `migrations`.
        fingerprint: of the schema.
    """

    server: str
    origin: str
    roles: tuple[RoleFacts, ...]
    fingerprint: str


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """The proof of one service.

    Attributes:
        tables: how many tables with tenants' rows were attacked.
        attacks: how many attempts were made: one attack on each table, in each binding.
        results: the result of each attempt.
        checks: how often an answer was compared with what the attacker may see.
    """

    service: str
    tables: int
    attacks: int
    blocked: int
    breaches: tuple[Breach, ...]
    skipped: tuple[Skip, ...]
    limits: tuple[Limit, ...]
    checks: int
    seconds: float
    server: str
    origin: str
    roles: tuple[RoleFacts, ...]
    fingerprint: str
    results: tuple[AttackResult, ...] = dataclasses.field(repr=False)

    def document(self) -> dict[str, Any]:
        """Return what `--json` writes: everything except the single results."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "results"]
        return {name: getattr(self, name) for name in names}

    @property
    def is_breached(self) -> bool:
        """Whether any attack got through."""
        return bool(self.breaches)


def make_proof(
    service: str, tables: Sequence[str], results: Iterable[AttackResult], facts: Facts, *, seconds: float
) -> Proof:
    """Sum up the results of one service."""
    results = tuple(results)
    counts = Counter(one.outcome for one in results)
    made = len(results) - counts[Outcome.SKIPPED]
    return Proof(
        service=service,
        tables=len(tables),
        attacks=made,
        blocked=counts[Outcome.BLOCKED],
        breaches=tuple(
            Breach(one.attack, one.object, one.detail, one.binding) for one in _those(results, Outcome.BREACH)
        ),
        skipped=tuple(
            Skip(one.attack, one.object, one.detail, one.binding) for one in _those(results, Outcome.SKIPPED)
        ),
        limits=tuple(Limit(one.attack, one.object, one.detail, one.binding) for one in _those(results, Outcome.LIMIT)),
        checks=sum(one.checks for one in results if one.outcome is not Outcome.SKIPPED),
        seconds=round(seconds, 3),
        server=facts.server,
        origin=facts.origin,
        roles=facts.roles,
        fingerprint=facts.fingerprint,
        results=results,
    )


def seen(detail: str, binding: str) -> str:
    """Return what was seen, with the binding where the attack has several."""
    return f"{detail} (tenant setting: {binding})" if binding else detail


def gather(limits: Iterable[Limit]) -> list[tuple[str, list[str], str]]:
    """Return each limit once, with all its objects and what was seen on the first of them."""
    found: dict[str, list[Limit]] = {}
    for one in limits:
        found.setdefault(one.attack, []).append(one)
    return [
        (attack, list(dict.fromkeys(one.object for one in several)), several[0].detail)
        for attack, several in found.items()
    ]


def _those(results: Iterable[AttackResult], outcome: Outcome) -> list[AttackResult]:
    return [one for one in results if one.outcome is outcome]
