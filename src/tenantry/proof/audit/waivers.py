"""Waivers: findings that a team accepts, each by its code and its object, with the reason.

    TN406 table public.spatial_ref_sys  # PostGIS keeps its reference systems there; the application may only read it.

The invariant: a waiver covers only the finding for which it was written. A code without an object waives no finding, a
waiver without a reason is an error, and a waiver that matches no finding is a finding itself, so that the list does not
hide later findings.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from tenantry.proof.audit.finding import SEVERITIES, Finding, Severity
from tenantry.proof.audit.rule import WAIVER_RULES, find_rule

__all__ = ["Match", "Waived", "Waiver", "Waivers", "apply_waivers", "read_waivers"]

# The first space before a # ends the object.
_LINE = re.compile(r"(?P<code>\S+)(?:\s+(?P<object>[^#\s].*?))??(?:\s+#\s*(?P<reason>.*))?")


@dataclasses.dataclass(frozen=True, slots=True)
class Waiver:
    """One line of the list."""

    code: str
    object: str
    reason: str
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Waived:
    """A finding that the team has accepted, and the reason."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Waivers:
    """The list of a service: its waivers, and the malformed lines with their numbers and faults."""

    waivers: tuple[Waiver, ...] = ()
    malformed: tuple[tuple[int, str], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The list of a service, and how many findings each pair of code and object matches."""

    file: str
    waivers: tuple[Waiver, ...]
    malformed: tuple[tuple[int, str], ...]
    findings: Mapping[tuple[str, str], int]

    def count(self, waiver: Waiver) -> int:
        """Return how many findings a waiver matches."""
        return self.findings.get((waiver.code, waiver.object), 0)


def read_waivers(path: Path) -> Waivers:
    """Read the list; a service without a list waives no finding."""
    if not path.is_file():
        return Waivers()
    waivers: list[Waiver] = []
    malformed: list[tuple[int, str]] = []
    # An editor's byte order mark is allowed. Text that is not UTF-8 becomes a malformed line.
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        waiver = _parse(line, number)
        fault = _fault(waiver, waivers)
        if fault:
            malformed.append((number, fault))
        else:
            waivers.append(waiver)
    return Waivers(tuple(waivers), tuple(malformed))


def apply_waivers(
    findings: Iterable[Finding], waivers: Waivers, service: str, file: str
) -> tuple[list[Finding], list[Waived]]:
    """Return the findings that are left, with those about the list itself, and the waived ones; both in order."""
    given = list(findings)
    match = Match(file, waivers.waivers, waivers.malformed, Counter((one.code, one.object) for one in given))
    by_object = {(one.code, one.object): one for one in waivers.waivers}
    left: list[Finding] = []
    waived: list[Waived] = []
    for finding in given:
        waiver = by_object.get((finding.code, finding.object))
        if waiver is None or match.count(waiver) > 1:
            left.append(finding)
        else:
            waived.append(Waived(**dataclasses.asdict(finding), reason=waiver.reason))
    own = [finding for rule in WAIVER_RULES.values() for finding in rule.findings(match, service)]
    # The sort is stable: findings of one severity keep the audit's order.
    return sorted([*left, *own], key=lambda one: SEVERITIES.index(one.severity)), waived


def _parse(line: str, number: int) -> Waiver:
    found = _LINE.fullmatch(line)
    assert found is not None
    return Waiver(found["code"], (found["object"] or "").strip(), (found["reason"] or "").strip(), number)


def _fault(waiver: Waiver, before: Iterable[Waiver]) -> str:
    """Return what is wrong with a line, '' for a line that is complete."""
    rule = find_rule(waiver.code)
    if rule is None:
        return f"There is no rule {waiver.code}."
    if rule.name in WAIVER_RULES:
        return f"{waiver.code} is about this list, and cannot be waived by it."
    if not waiver.object:
        return f"The line does not say which object: {waiver.code} alone would waive findings that are not known yet."
    if not waiver.reason:
        return "The line has no reason."
    if any((one.code, one.object) == (waiver.code, waiver.object) for one in before):
        return f"An earlier line already waives {waiver.code} for {waiver.object}."
    return ""
