"""A rule of the audit, and the catalogue in which every rule registers itself.

A rule is one function. Its decorator declares the code, the severity, the reason and the remedy; its name is the rule's
name; its docstring is the requirement; its body yields the violations. The audit, the documentation and the tests
read this one catalogue, so a rule that is declared is also run, documented and tested.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tenantry.proof.audit.finding import Finding, Severity

if TYPE_CHECKING:
    from tenantry.proof.audit.snapshot import Snapshot
    from tenantry.proof.audit.waiver import Match

__all__ = ["DATABASE_RULES", "WAIVER_RULES", "Rule", "Violation", "find_rule", "rule", "violation", "waiver_rule"]

_Subject = TypeVar("_Subject")


@dataclasses.dataclass(frozen=True, slots=True)
class Violation:
    """One object for which a rule does not hold; `severity` is None for the rule's own."""

    object: str
    message: str
    remedy: str
    severity: Severity | None = None


def violation(thing: object, message: str, *remedy: str, severity: Severity | None = None) -> Violation:
    """Return a violation of the rule that yields it; the statements of the remedy are joined by semicolons.

    A statement that can lose data stands behind its condition: "If its values may be lost: ALTER TABLE ...".
    """
    return Violation(str(thing), message, "; ".join(remedy), severity)


@dataclasses.dataclass(frozen=True, slots=True)
class Rule(Generic[_Subject]):
    """One rule with its check.

    Attributes:
        code: does not change, because scripts and waivers name it. The hundreds group the codes.
        severity: what a violation counts as, unless the violation has a severity.
        requirement: what holds while the rule yields no violation; the docstring of the check.
        reason: what can happen where it does not hold.
        remedy: what to do, in general words; a finding has the statement.
        check: yields the violations in a snapshot of the database, or in a list of waivers.
    """

    code: str
    name: str
    severity: Severity
    requirement: str
    reason: str
    remedy: str
    check: Callable[[_Subject], Iterable[Violation]]

    def findings(self, subject: _Subject, service: str) -> Iterator[Finding]:
        """Yield a finding for each violation."""
        for one in self.check(subject):
            yield Finding(self.code, one.severity or self.severity, service, one.object, one.message, one.remedy)


DATABASE_RULES: dict[str, Rule[Snapshot]] = {}
WAIVER_RULES: dict[str, Rule[Match]] = {}

_DatabaseCheck = Callable[["Snapshot"], Iterable[Violation]]
_WaiverCheck = Callable[["Match"], Iterable[Violation]]


def rule(code: str, severity: Severity, *, reason: str, remedy: str) -> Callable[[_DatabaseCheck], _DatabaseCheck]:
    """Register a rule about the database: a function of a snapshot."""

    def register(check: _DatabaseCheck) -> _DatabaseCheck:
        made = _make(code, severity, reason, remedy, check)
        DATABASE_RULES[made.name] = made
        return check

    return register


def waiver_rule(code: str, severity: Severity, *, reason: str, remedy: str) -> Callable[[_WaiverCheck], _WaiverCheck]:
    """Register a rule about a service's list of waivers: a function of the list and what it matches."""

    def register(check: _WaiverCheck) -> _WaiverCheck:
        made = _make(code, severity, reason, remedy, check)
        WAIVER_RULES[made.name] = made
        return check

    return register


def find_rule(code: str) -> Rule[Any] | None:
    """Return the rule with this code, None if there is no such rule."""
    return next((one for one in _all_rules() if one.code == code), None)


def _make(
    code: str, severity: Severity, reason: str, remedy: str, check: Callable[[_Subject], Iterable[Violation]]
) -> Rule[_Subject]:
    name = check.__name__
    if any(name == one.name or code == one.code for one in _all_rules()):
        raise ValueError(f"Rule {code} {name}: another rule has this code or this name. Choose a new one.")
    return Rule(code, name, severity, inspect.getdoc(check) or "", reason, remedy, check)


def _all_rules() -> tuple[Rule[Any], ...]:
    return (*DATABASE_RULES.values(), *WAIVER_RULES.values())
