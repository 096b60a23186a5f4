"""Findings that a team has looked at and accepted, each by its code and its object, with the reason.

    TN406 table public.spatial_ref_sys  # PostGIS keeps its reference systems there; the application may only read it.

The invariant: nothing is waived that nobody wrote down. A code alone waives nothing, a waiver without a reason is an
error, and one that no longer matches anything is a finding itself, so that the list never covers what comes later.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tenantry.proof.audit.finding import RULES, Draft, Finding, Severity, draft

__all__ = ["Waived", "Waiver", "Waivers", "apply_waivers", "read_waivers"]

# The first blank that a # follows ends the object.
_LINE = re.compile(r"(?P<code>\S+)(?:\s+(?P<object>[^#\s].*?))??(?:\s+#\s*(?P<reason>.*))?")

# What is said about the list itself cannot be waived by the list.
_OWN = ("waiver_unused", "waiver_malformed", "waiver_ambiguous")


@dataclasses.dataclass(frozen=True, slots=True)
class Waiver:
    """One line of the list."""

    code: str
    object: str
    reason: str
    line: int


@dataclasses.dataclass(frozen=True, slots=True)
class Waived:
    """A finding that somebody accepted, and why."""

    code: str
    severity: Severity
    service: str
    object: str
    message: str
    remedy: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Waivers:
    """The list of a service: what can be read of it, and findings about what cannot."""

    waivers: tuple[Waiver, ...] = ()
    malformed: tuple[Draft, ...] = ()


def read_waivers(path: Path) -> Waivers:
    """Read the list; a service without one waives nothing."""
    if not path.is_file():
        return Waivers()
    waivers: list[Waiver] = []
    malformed: list[Draft] = []
    # An editor's byte order mark is no fault; what is not UTF-8 becomes a malformed line.
    for number, text in enumerate(path.read_text(encoding="utf-8-sig", errors="replace").splitlines(), start=1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        waiver = _parse(line, number)
        fault = _fault(waiver, waivers)
        if fault:
            remedy = "Write: CODE object  # reason"
            malformed.append(draft("waiver_malformed", f"{path.name}:{number}", fault, remedy))
        else:
            waivers.append(waiver)
    return Waivers(tuple(waivers), tuple(malformed))


def apply_waivers(
    findings: Iterable[Finding], waivers: Waivers, service: str, file: str
) -> tuple[list[Finding], list[Waived]]:
    """Return the findings that are left, with those about the list itself, and the waived ones; both in order."""
    given = list(findings)
    meant = Counter((finding.code, finding.object) for finding in given)
    reasons = {(one.code, one.object): one for one in waivers.waivers}
    left: list[Finding] = []
    waived: list[Waived] = []
    for finding in given:
        waiver = reasons.get((finding.code, finding.object))
        if waiver is None or meant[finding.code, finding.object] > 1:
            left.append(finding)
        else:
            waived.append(Waived(**dataclasses.asdict(finding), reason=waiver.reason))
    own = list(waivers.malformed)
    for one in waivers.waivers:
        number = meant[one.code, one.object]
        own += [] if number == 1 else [_ambiguous(one, file, number) if number else _unused(one, file)]
    left += [Finding(one.rule.code, one.severity, service, one.object, one.message, one.remedy) for one in own]
    order: Sequence[Severity] = ("error", "warning", "info")
    # A stable sort: among its equals, everything stays where the audit put it.
    return sorted(left, key=lambda one: order.index(one.severity)), waived


def _parse(line: str, number: int) -> Waiver:
    found = _LINE.fullmatch(line)
    assert found is not None
    return Waiver(found["code"], (found["object"] or "").strip(), (found["reason"] or "").strip(), number)


def _fault(waiver: Waiver, before: Iterable[Waiver]) -> str:
    """Return what is wrong with a line, '' for nothing."""
    rule = next((rule for rule in RULES.values() if rule.code == waiver.code), None)
    if rule is None:
        return f"There is no rule {waiver.code}."
    if rule.name in _OWN:
        return f"{waiver.code} is about this list, and cannot be waived by it."
    if not waiver.object:
        return f"It says not which object: {waiver.code} alone would waive what nobody has looked at."
    if not waiver.reason:
        return "It gives no reason."
    if any((one.code, one.object) == (waiver.code, waiver.object) for one in before):
        return f"{waiver.code} of {waiver.object} is waived already, further up."
    return ""


def _ambiguous(waiver: Waiver, file: str, number: int) -> Draft:
    message = f"{number} findings are {waiver.code} of {waiver.object}; nobody can tell which of them this line waives."
    return draft("waiver_ambiguous", f"{file}:{waiver.line}", message, "Mend the findings until one is left.")


def _unused(waiver: Waiver, file: str) -> Draft:
    message = f"The audit does not find {waiver.code} of {waiver.object}, which this line waives."
    return draft("waiver_unused", f"{file}:{waiver.line}", message, f"Remove the line: {waiver.reason}")
