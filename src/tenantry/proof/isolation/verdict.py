"""The outcome of one attempt of an attack.

There are four, because two would not be honest. An attack that cannot be made here is *skipped*, with the reason. An
attack that works by PostgreSQL's design, and that Tenantry documents, is a *limit*.
"""

from __future__ import annotations

import dataclasses
import enum

__all__ = ["AttackResult", "Outcome", "Verdict", "blocked", "breach", "limit", "record", "skipped"]


class Outcome(enum.StrEnum):
    """The four outcomes of an attempt."""

    BLOCKED = "blocked"
    BREACH = "breach"
    LIMIT = "limit"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, a sentence on what was seen, and how many answers were compared for it."""

    outcome: Outcome
    detail: str = ""
    checks: int = 1


@dataclasses.dataclass(frozen=True, slots=True)
class AttackResult:
    """The outcome of one attack on one object. `binding` is its name, '' where the attack has only one."""

    attack: str
    object: str
    outcome: Outcome
    detail: str = ""
    binding: str = ""
    checks: int = 1


def blocked(detail: str = "", *, checks: int = 1) -> Verdict:
    """Return the verdict of an attack that got nothing."""
    return Verdict(Outcome.BLOCKED, detail, checks)


def breach(detail: str) -> Verdict:
    """Return the verdict of an attack that read, changed or learnt what belongs to another tenant."""
    return Verdict(Outcome.BREACH, detail)


def limit(detail: str) -> Verdict:
    """Return the verdict of an attack that got what the documentation says it can get."""
    return Verdict(Outcome.LIMIT, detail)


def skipped(reason: str) -> Verdict:
    """Return the verdict of an attack that could not be made here, with the reason."""
    return Verdict(Outcome.SKIPPED, reason)


def record(attack: str, thing: str, verdict: Verdict, binding: str = "") -> AttackResult:
    """Return a verdict as the result of an attack on an object."""
    return AttackResult(attack, thing, verdict.outcome, verdict.detail, binding, verdict.checks)
