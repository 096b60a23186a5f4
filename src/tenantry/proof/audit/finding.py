"""A finding: one rule that does not hold for one object, with what to do about it."""

from __future__ import annotations

import dataclasses

from tenantry.proof.audit.rules import RULES, Rule, Severity

__all__ = ["RULES", "Draft", "Finding", "Rule", "Severity", "draft"]


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One difference between the models and the database; `remedy` is SQL wherever SQL can mend it."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str


@dataclasses.dataclass(frozen=True, slots=True)
class Draft:
    """A finding before it is known for which service."""

    rule: Rule
    severity: Severity
    object: str
    message: str
    remedy: str


def draft(name: str, thing: object, message: str, *remedy: str, severity: Severity | None = None) -> Draft:
    """Return a finding of the rule `name` about `thing`; the statements of the remedy are joined."""
    rule = RULES[name]
    return Draft(rule, severity or rule.severity, str(thing), message, "; ".join(remedy))
