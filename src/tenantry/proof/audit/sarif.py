"""Findings as SARIF 2.1.0 (OASIS), a format that code hosts and editors import.

A finding's logical location is its database object. Hosts show only results with a file, so the physical location is
the service's migrations, where the finding is fixed. A finding about a waiver has the line of the waiver.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from tenantry.proof.audit.catalogue import RULES
from tenantry.proof.audit.finding import Finding
from tenantry.proof.audit.rule import WAIVER_RULES, Rule, find_rule
from tenantry.proof.audit.waiver import Waived

__all__ = ["LEVELS", "make_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
PAGE = "docs/reference/audit.md"

LEVELS = {"error": "error", "warning": "warning", "info": "note"}


def make_sarif(findings: Sequence[Finding], waived: Sequence[Waived], places: Mapping[str, str]) -> dict[str, Any]:
    """Return the document; `places` are the services' migrations folders, relative to the project's root."""
    rules = list(RULES.values())
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


def _rule(rule: Rule[Any]) -> dict[str, Any]:
    words = rule.name.replace("_", " ")
    text = f"{rule.requirement} Otherwise: {rule.reason} To fix it: {rule.remedy}"
    return {
        "id": rule.code,
        "name": "".join(word.title() for word in rule.name.split("_")),
        "shortDescription": {"text": f"{words[0].upper()}{words[1:]}"},
        "fullDescription": {"text": rule.requirement},
        "help": {"text": f"{text} See {PAGE}.", "markdown": f"{text} See [{rule.code}]({PAGE}#codes)."},
        "defaultConfiguration": {"level": LEVELS[rule.severity]},
        "properties": {"tags": ["security", "tenancy"]},
    }


def _result(finding: Finding | Waived, numbers: Mapping[str, int], places: Mapping[str, str]) -> dict[str, Any]:
    remedy = f" To fix it: {finding.remedy}" if finding.remedy else ""
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
    rule = find_rule(finding.code)
    if rule is not None and rule.name in WAIVER_RULES:
        folder = migrations.rpartition("/")[0]
        place: dict[str, Any] = {"artifactLocation": _artifact(f"{folder}/{file}" if folder else file)}
        place["region"] = {"startLine": int(line)}
        return {"physicalLocation": place}
    logical = {"fullyQualifiedName": f"{finding.service}/{finding.object}", "name": name or kind}
    logical |= {"kind": kind} if name else {}
    return {"physicalLocation": {"artifactLocation": _artifact(migrations)}, "logicalLocations": [logical]}


def _artifact(uri: str) -> dict[str, str]:
    return {"uri": uri, "uriBaseId": "%SRCROOT%"}
