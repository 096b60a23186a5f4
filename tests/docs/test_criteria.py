"""Every acceptance criterion of the four stories is proved by a test that names it.

A test names a criterion in its docstring: `Criterion 4: ...`. A criterion that no test of its service's folder names is
one that nobody could find the proof of, and one that is named and is not in the list is a slip of the pen.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from documents import ROOT

from tenantry.project import find_project
from tenantry.service import load_services

pytestmark = pytest.mark.docs

# What each story asks for, in our words.
CRITERIA = {
    "ai_agents": {
        1: "PostgreSQL runs in a container.",
        2: "A migration tool is configured.",
        3: "The first schema has the tables of tenants and of enhancements.",
        4: "Row security keeps tenants apart.",
        5: "Connections are pooled.",
        6: "Health answers 200 while the database does.",
        7: "Sample rows can be written and read.",
        8: "A migration can be taken back and made again.",
    },
    "plc_coach": {
        1: "Users, sessions, conversations and messages have all columns and constraints.",
        2: "The extension for vectors is installed.",
        3: "The named indexes serve their queries.",
        4: "Migrations make all tables, and the way back is documented.",
    },
    "accounts": {
        1: "PostgreSQL stands in the compose file.",
        2: "A migration tool is configured.",
        3: "A migration makes the tables of tenants and of users.",
        4: "The application connects when it starts.",
    },
    "items": {
        1: "A script makes the schema.",
        2: "The schema has a table of items.",
        3: "Variables of the environment say where the database is.",
        4: "Items are created, read, changed and removed over HTTP.",
        5: "Connections are pooled, and come back after a failure.",
        6: "Tests go from the API to the database and back.",
    },
}
NAMED = re.compile(r"\bcriterion (\d+)", re.IGNORECASE)


def criteria_of(*sources: str) -> set[int]:
    """Return the criteria that the docstrings of tests name."""
    tests = [
        node
        for source in sources
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    return {int(number) for test in tests for number in NAMED.findall(ast.get_docstring(test) or "")}


def read_tests(service: str) -> list[str]:
    folder = ROOT / "tests" / "acceptance" / service
    return [path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("test_*.py"))]


def test_every_service_has_its_story() -> None:
    assert set(CRITERIA) == {service.name for service in load_services(find_project(ROOT))}


@pytest.mark.parametrize("service", CRITERIA)
def test_every_criterion_has_a_test_that_names_it(service: str) -> None:
    assert criteria_of(*read_tests(service)) == set(CRITERIA[service])


def test_only_a_tests_own_docstring_names_a_criterion() -> None:
    """Not the module's, not a helper's, not a comment; two may stand in one."""
    source = '''
"""Criterion 1: the module."""
def helper():
    """Criterion 2: no test."""
async def test_one():
    """Criterion 3, criterion 5: it holds."""
    # criterion 4
def test_two():
    pass
'''
    assert criteria_of(source) == {3, 5}
