"""Findings as SARIF 2.1.0 (OASIS), the form in which code hosts and editors take the results of a check.

A finding is about an object of a database, so that is its logical location. Its physical one is where it would be
mended, the service's migrations, because hosts show nothing without a file; a finding about a waiver has its very line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tenantry.proof.audit.finding import RULES, Finding, Rule
from tenantry.proof.audit.waivers import Waived

__all__ = ["LEVELS", "make_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PAGE = "docs/reference/audit.md"

LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def make_sarif(findings: Sequence[Finding], waived: Sequence[Waived], places: Mapping[str, str]) -> dict[str, Any]:
    """Return the document; `places` are the services' migrations folders, relative to the project's root."""
    rules = sorted(RULES.values(), key=lambda rule: rule.code)
    numbers = {rule.code: number for number, rule in enumerate(rules)}
    everything: list[Finding | Waived] = [*findings, *waived]
    results = [_result(one, numbers, places) for one in everything]
    driver = {"name": "tenantry", "version": version("tenantry"), "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The folder of the project's pyproject.toml."}}},
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    words = rule.name.replace("_", " ")
    text = f"What holds when the rule is silent: {rule.sentence} Otherwise: {rule.why} {rule.remedy}"
    return {
        "id": rule.code,
        "name": "".join(word.title() for word in rule.name.split("_")),
        "shortDescription": {"text": f"{words[0].upper()}{words[1:]}"},
        "fullDescription": {"text": rule.sentence},
        "help": {"text": f"{text} See {PAGE}.", "markdown": f"{text} See [{rule.code}]({PAGE}#codes)."},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["security", "tenancy"]},
    }


def _result(finding: Finding | Waived, numbers: Mapping[str, int], places: Mapping[str, str]) -> dict[str, Any]:
    remedy = f" To mend it: {finding.remedy}" if finding.remedy else ""
    identity = f"{finding.code}\n{finding.service}\n{finding.object}"
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": numbers[finding.code],
        "level": LEVELS[finding.severity],
        "message": {"text": f"{finding.service}: {finding.object}: {finding.message}{remedy}"},
        "locations": [_location(finding, places[finding.service])],
        "partialFingerprints": {"object/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }
    if isinstance(finding, Waived):
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": finding.reason}]
    return result


def _location(finding: Finding | Waived, migrations: str) -> dict[str, Any]:
    kind, _, name = finding.object.partition(" ")
    file, _, line = finding.object.rpartition(":")
    if finding.code == RULES["waiver_unused"].code or finding.code == RULES["waiver_malformed"].code:
        folder = migrations.rpartition("/")[0]
        place: dict[str, Any] = {"artifactLocation": _artifact(f"{folder}/{file}" if folder else file)}
        place["region"] = {"startLine": int(line)}
        return {"physicalLocation": place}
    logical = {"fullyQualifiedName": f"{finding.service}/{finding.object}", "name": name or kind}
    logical |= {"kind": kind} if name else {}
    return {"physicalLocation": {"artifactLocation": _artifact(migrations)}, "logicalLocations": [logical]}


def _artifact(uri: str) -> dict[str, str]:
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}
