"""What a proof has shown, in the shape in which it is reported: as JSON, as text and as a page.

The JSON is a contract. Every try is in exactly one of the four outcomes; `attacks` are those that were made, so a try
that was skipped is counted apart and never among what was blocked.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from tenantry.proof.isolation.verdict import Outcome, Try

__all__ = ["Breach", "Facts", "Limit", "Proof", "RoleFacts", "Skip", "gather", "make_proof", "seen"]


@dataclasses.dataclass(frozen=True, slots=True)
class Breach:
    """An attack that got something which belongs to another tenant; `stance` is how the tenant's setting stood."""

    attack: str
    object: str
    detail: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """An attack that got something which the documentation says it can get."""

    attack: str
    object: str
    detail: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class Skip:
    """An attack that could not be made."""

    attack: str
    object: str
    reason: str
    stance: str


@dataclasses.dataclass(frozen=True, slots=True)
class RoleFacts:
    """One of the service's roles, with the attributes that decide what row security is worth."""

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
    """Where it was proven; `origin` says what the scratch database was made by, `fingerprint` is the schema's."""

    server: str
    origin: str
    roles: tuple[RoleFacts, ...]
    fingerprint: str


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """All that a proof has shown of one service.

    Attributes:
        tables: how many tables with tenants' rows were attacked.
        attacks: how many tries were made; one attack is tried on each table and in each stance.
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
    tries: tuple[Try, ...] = dataclasses.field(repr=False)

    def document(self) -> dict[str, Any]:
        """Return what `--json` writes: everything but the thousands of single tries."""
        names = [field.name for field in dataclasses.fields(self) if field.name != "tries"]
        return {name: getattr(self, name) for name in names}

    @property
    def is_breached(self) -> bool:
        """Whether any attack got through."""
        return bool(self.breaches)


def make_proof(service: str, tables: Sequence[str], tries: Iterable[Try], facts: Facts, *, seconds: float) -> Proof:
    """Sum up the tries."""
    tries = tuple(tries)
    counts = Counter(one.outcome for one in tries)
    made = len(tries) - counts[Outcome.SKIPPED]
    return Proof(
        service=service,
        tables=len(tables),
        attacks=made,
        blocked=counts[Outcome.BLOCKED],
        breaches=tuple(Breach(one.attack, one.object, one.detail, one.stance) for one in _those(tries, Outcome.BREACH)),
        skipped=tuple(Skip(one.attack, one.object, one.detail, one.stance) for one in _those(tries, Outcome.SKIPPED)),
        limits=tuple(Limit(one.attack, one.object, one.detail, one.stance) for one in _those(tries, Outcome.LIMIT)),
        checks=sum(one.checks for one in tries if one.outcome is not Outcome.SKIPPED),
        seconds=round(seconds, 3),
        server=facts.server,
        origin=facts.origin,
        roles=facts.roles,
        fingerprint=facts.fingerprint,
        tries=tries,
    )


def seen(one: Breach | Try) -> str:
    """Return what was seen, and in which stance where the attack takes several."""
    return f"{one.detail} (tenant setting: {one.stance})" if one.stance else one.detail


def gather(limits: Iterable[Limit]) -> list[tuple[str, list[str], str]]:
    """Return each limit once, with all the objects on which it was met and what was seen on the first of them."""
    found: dict[str, list[Limit]] = {}
    for one in limits:
        found.setdefault(one.attack, []).append(one)
    return [
        (attack, list(dict.fromkeys(one.object for one in several)), several[0].detail)
        for attack, several in found.items()
    ]


def _those(tries: Iterable[Try], outcome: Outcome) -> list[Try]:
    return [one for one in tries if one.outcome is outcome]
