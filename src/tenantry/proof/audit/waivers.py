"""Waivers: findings that a team accepts, each by its code and its object, with the reason.

    TN406 table public.spatial_ref_sys  # PostGIS keeps its reference systems there; the application may only read it.

The invariant: a waiver covers only the finding for which it was written. A code without an object waives no finding, a
waiver without a reason is an error, and a waiver that matches no finding is a finding itself, so that the list does not
hide later findings.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tenantry.migrations.waivers import Waiver, parse_waivers
from tenantry.proof.audit.finding import SEVERITIES, Finding
from tenantry.proof.audit.rule import WAIVER_RULES, find_rule
from tenantry.proof.audit.waiver import Match, Waived, Waivers

__all__ = ["apply_waivers", "read_waivers"]


def read_waivers(path: Path) -> Waivers:
    """Read the list; a service without a list waives no finding."""
    waivers: list[Waiver] = []
    malformed: list[tuple[int, str]] = []
    for waiver in parse_waivers(path):
        fault = _fault(waiver, waivers)
        if fault:
            malformed.append((waiver.line, fault))
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
