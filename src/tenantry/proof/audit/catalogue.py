"""The catalogue: all rules by name in the order of their codes, and by the group that the hundreds of a code name."""

from __future__ import annotations

from typing import Any

# Importing the package registers the rules.
from tenantry.proof.audit import rules as _rules  # noqa: F401
from tenantry.proof.audit.rule import DATABASE_RULES, WAIVER_RULES, Rule

__all__ = ["GROUPS", "RULES"]

_TITLES = {
    "TN0": "Row security",
    "TN1": "Privileges",
    "TN2": "Functions, triggers and operators",
    "TN3": "Extensions and roles",
    "TN4": "Tables, columns and keys",
    "TN5": "Revision, and the audit itself",
    "TN6": "Other ways to read or send rows",
    "TN7": "The server",
    "TN9": "Waivers",
}

_ALL: tuple[Rule[Any], ...] = (*DATABASE_RULES.values(), *WAIVER_RULES.values())

RULES: dict[str, Rule[Any]] = {one.name: one for one in sorted(_ALL, key=lambda one: one.code)}

GROUPS: dict[str, tuple[Rule[Any], ...]] = {
    title: tuple(one for one in RULES.values() if one.code.startswith(prefix)) for prefix, title in _TITLES.items()
}
