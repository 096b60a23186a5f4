"""What one try of an attack came to.

Four outcomes, because a proof that only knew two would have to lie: an attack that could not be made here is *skipped*
with its reason, and one that works by PostgreSQL's design and that Tenantry documents is a *limit*.
"""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["Outcome", "Try", "Verdict", "blocked", "breach", "limit", "record", "skipped"]


class Outcome(enum.StrEnum):
    """What became of a try."""

    BLOCKED = "blocked"
    BREACH = "breach"
    LIMIT = "limit"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, the sentence that tells what was seen, and how many answers were compared for it."""

    outcome: Outcome
    detail: str = ""
    checks: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Try:
    """One attack on one object, in one stance where the attack takes several; '' for none."""

    attack: str
    object: str
    outcome: Outcome
    detail: str = ""
    stance: str = ""
    checks: int = 1


def blocked(detail: str = "", *, checks: int = 1) -> Verdict:
    """Return that the attack got nothing."""
    return Verdict(Outcome.BLOCKED, detail, checks)


def breach(detail: str) -> Verdict:
    """Return that the attack read, changed or learnt what belongs to another tenant."""
    return Verdict(Outcome.BREACH, detail)


def limit(detail: str) -> Verdict:
    """Return that the attack got something that the documentation says it can get."""
    return Verdict(Outcome.LIMIT, detail)


def skipped(reason: str) -> Verdict:
    """Return that the attack could not be made here, and why."""
    return Verdict(Outcome.SKIPPED, reason)


def record(attack: str, thing: str, verdict: Verdict, stance: str = "") -> Try:
    """Return a verdict as the try of an attack on a thing."""
    return Try(attack, thing, verdict.outcome, verdict.detail, stance, verdict.checks)
