"""SARIF 2.1.0 as its specification requires it, and as code hosts read it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tenantry.proof.audit import RULES, Finding
from tenantry.proof.audit.sarif import make_sarif
from tenantry.proof.audit.waiver import Waived

ERROR = Finding("TN001", "error", "items", "table public.items", "It is off.", "ALTER TABLE items ENABLE …")
WARNING = Finding("TN406", "warning", "items", "table public.x", "No model declares it.", "")
INFO = Finding("TN203", "info", "items", "function public.f()", "No model declares it.", "")
UNUSED = Finding(RULES["waiver_unused"].code, "warning", "items", "audit.waivers:7", "It waives nothing.", "Remove it.")
ACCEPTED = Waived(**{**dataclasses.asdict(WARNING), "object": "table public.y"}, reason="PostGIS needs it")
PLACES = {"items": "services/items/migrations"}


def run(*findings: Finding, waived: tuple[Waived, ...] = ()) -> dict[str, Any]:
    document = json.loads(json.dumps(make_sarif(findings, waived, PLACES)))
    assert document["version"] == "2.1.0"
    assert document["$schema"].startswith("https://")
    (one,) = document["runs"]
    return dict(one)


def test_the_required_members_are_there() -> None:
    """3.13, 3.14, 3.18, 3.19 and 3.49 of the specification."""
    found = run(ERROR, WARNING, INFO, UNUSED, waived=(ACCEPTED,))
    driver = found["tool"]["driver"]
    assert driver["name"] == "tenantry"
    assert driver["version"]
    for rule in driver["rules"]:
        assert set(rule) >= {"id", "name", "shortDescription", "fullDescription", "help", "defaultConfiguration"}
        for text in (rule["shortDescription"], rule["fullDescription"], rule["help"]):
            assert text["text"].strip()
        assert rule["defaultConfiguration"]["level"] in {"error", "warning", "note"}
        assert "docs/reference/audit.md" in rule["help"]["markdown"]
    for result in found["results"]:
        assert result["message"]["text"]
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uriBaseId"] in found["originalUriBaseIds"]


def test_every_rule_is_told_once() -> None:
    rules = [rule["id"] for rule in run()["tool"]["driver"]["rules"]]
    assert rules == sorted({rule.code for rule in RULES.values()})


def test_severities_become_levels() -> None:
    assert [result["level"] for result in run(ERROR, WARNING, INFO)["results"]] == ["error", "warning", "note"]


def test_a_database_object_is_a_logical_location() -> None:
    """In the folder of the migrations, where it would be mended."""
    (result,) = run(ERROR)["results"]
    (location,) = result["locations"]
    assert location["logicalLocations"] == [
        {"name": "public.items", "fullyQualifiedName": "items/table public.items", "kind": "table"}
    ]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == PLACES["items"]
    assert ERROR.remedy in result["message"]["text"]


def test_a_finding_about_a_waiver_leads_to_its_line() -> None:
    (result,) = run(UNUSED)["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "services/items/audit.waivers"
    assert place["region"] == {"startLine": 7}


def test_a_waived_finding_is_suppressed_with_its_reason() -> None:
    open_, accepted = run(WARNING, waived=(ACCEPTED,))["results"]
    assert "suppressions" not in open_
    assert accepted["suppressions"] == [{"kind": "external", "status": "accepted", "justification": "PostGIS needs it"}]


def test_a_finding_is_known_again_by_its_object() -> None:
    """Its message may be worded anew, and its neighbours may go."""
    reworded = dataclasses.replace(ERROR, message="Row security is off.")
    first, again, other = run(ERROR, reworded, WARNING)["results"]
    assert first["partialFingerprints"] == again["partialFingerprints"] != other["partialFingerprints"]
