"""The catalogue of the audit's rules: complete, unambiguous, and each rule with its text and its check."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import pytest

from tenantry.proof.audit import GROUPS, RULES, Rule, rules
from tenantry.proof.audit.rule import DATABASE_RULES, Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot

MODULES = [f"{rules.__name__}.{one.name}" for one in pkgutil.iter_modules(rules.__path__)]


def test_every_module_of_the_package_is_imported() -> None:
    """A module that the package does not import registers no rule."""
    assert sorted(MODULES) == sorted(f"{rules.__name__}.{name}" for name in rules.__all__)


def test_every_code_and_every_name_is_there_once() -> None:
    assert len({one.code for one in RULES.values()}) == len(RULES)
    assert [one.code for one in RULES.values()] == sorted(one.code for one in RULES.values())
    assert all(re.fullmatch(r"TN\d{3}", one.code) for one in RULES.values())
    assert {name: one.name for name, one in RULES.items()} == {name: name for name in RULES}


def test_every_rule_is_in_one_group() -> None:
    assert [one.name for group in GROUPS.values() for one in group] == list(RULES)


@pytest.mark.parametrize("one", RULES.values(), ids=lambda one: one.name)
def test_a_rule_has_its_check_and_its_text_in_one_module(one: Rule[object]) -> None:
    """The declaration is the function's decorator, so the rule's module is the check's; each text is a sentence."""
    assert one.check.__module__ in MODULES
    assert getattr(importlib.import_module(one.check.__module__), one.name) is one.check
    assert inspect.isgeneratorfunction(one.check)
    for text in (one.requirement, one.reason, one.remedy):
        assert text[0].isupper() or text[0] == "`"
        assert text.endswith(".")


@pytest.mark.parametrize("code", ["TN001", "TN998"])
def test_a_code_or_a_name_cannot_be_used_twice(code: str) -> None:
    def rls_disabled(_: Snapshot) -> Iterator[Violation]:
        yield violation("table x", "It is off.")

    def another_rule(_: Snapshot) -> Iterator[Violation]:
        yield violation("table x", "It is off.")

    before = dict(DATABASE_RULES)
    with pytest.raises(ValueError, match="another rule has this code or this name"):
        rule(code, "error", reason="So.", remedy="So.")(another_rule if code == "TN001" else rls_disabled)
    assert before == DATABASE_RULES


def test_a_violation_may_have_a_severity_of_its_own() -> None:
    def check(_: None) -> Iterator[Violation]:
        yield violation("table x", "It is off.", "ALTER a", "ALTER b")
        yield violation("table y", "It is off.", severity="info")

    made: Rule[None] = Rule("TN998", "check", "error", "It is on.", "So.", "So.", check)
    found = [(one.code, one.severity, one.service, one.object, one.remedy) for one in made.findings(None, "items")]
    assert found == [
        ("TN998", "error", "items", "table x", "ALTER a; ALTER b"),
        ("TN998", "info", "items", "table y", ""),
    ]
