"""Nothing that a user can meet is missing from the documentation: a name that is not there cannot be searched for."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
from documents import ROOT, pages, prose

import tenantry
import tenantry.alembic
import tenantry.fastapi
import tenantry.testing
from tenantry import errors
from tenantry.cli import entry
from tenantry.fastapi import failures, sqlstates
from tenantry.project import HOME_VARIABLE, POSTGRES_VARIABLE, find_project
from tenantry.proof.audit import RULES
from tenantry.service import Service, load_services
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

FACES = (tenantry, tenantry.fastapi, tenantry.alembic, tenantry.testing)
REFERENCE = ROOT / "docs" / "reference"
SERVICES = load_services(find_project(ROOT))


def missing(names: Iterator[str] | set[str], *places: Path) -> set[str]:
    """Return the names that stand in none of the pages as code."""
    text = "\n".join(place.read_text(encoding="utf-8") for place in places)
    return {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)}


def subclasses(kind: type[errors.TenantryError]) -> Iterator[type[errors.TenantryError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from subclasses(child)


def commands(group: click.Group, prefix: str = "tenantry") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


def sources(pattern: str) -> Iterator[str]:
    """Yield what a pattern finds in the toolkit and in the project's services."""
    folders = [Path(inspect.getfile(service.settings)).parent for service in SERVICES]
    for folder in (ROOT / "src", *folders):
        for path in sorted(folder.rglob("*.py")):
            yield from re.findall(pattern, path.read_text(encoding="utf-8"))


def test_every_command_and_option_is_in_the_reference() -> None:
    found = dict(commands(entry.tenantry))
    assert len(found) > len(entry.COMMANDS)
    options = {
        option
        for command in found.values()
        for one in command.params
        if isinstance(one, click.Option)
        for option in one.opts
    }
    assert missing({*found, *options}, REFERENCE / "cli.md") == set()


def test_every_setting_is_in_the_reference_and_the_readme() -> None:
    """The README may write the last of several parts without their prefix."""
    for service in SERVICES:
        names = {one.name for one in list_variables(service.settings)}
        assert missing(names, REFERENCE / "settings.md") == set()
    prefix = "AI_AGENTS_"
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("`_DB_", f"`{prefix}DB_")
    (service,) = [service for service in SERVICES if service.name == "ai_agents"]
    assert {one.name for one in list_variables(service.settings) if f"`{one.name}`" not in text} == set()
    tools = {HOME_VARIABLE, POSTGRES_VARIABLE, *sources(r'"(TENANTRY_TEST_[A-Z]+(?:_[A-Z]+)*)"')}
    assert missing(tools - {"TENANTRY_TEST_RUN_FOLDER"}, REFERENCE / "settings.md") == set()


def test_every_error_has_a_line_and_a_remedy() -> None:
    codes = {kind.code for kind in subclasses(errors.TenantryError)}
    text = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    tree, _, remedies = text.partition("## What to do")
    assert {code for code in codes if f"| `{code}` |" not in tree} == set()
    assert {code for code in codes if f"| `{code}` |" not in remedies} == set()


def test_every_code_of_the_command_line_is_in_the_reference() -> None:
    own = {kind.code for kind in errors.TenantryError.__subclasses__() if kind.__module__ == entry.__name__}
    assert own
    assert missing(own, REFERENCE / "errors.md") == set()


def test_every_rule_of_the_audit_is_in_the_reference() -> None:
    assert missing({rule.code for rule in RULES.values()}, REFERENCE / "audit.md") == set()


def test_every_problem_is_in_the_reference() -> None:
    codes = {answer.code for answer in (*failures.BY_CLASS.values(), *sqlstates.BY_CODE.values())}
    raised = set(sources(r'(?:Problem|Answer)\(\s*(?:\d{3}|[A-Z_]+),\s*"(\w+)"'))
    assert codes <= raised
    assert missing(raised, REFERENCE / "http.md") == set()


def test_every_check_of_doctor_and_readiness_is_described() -> None:
    checks = {*sources(r'Verdict\("(\w+)"'), *sources(r'failed\("(\w+)"')}
    assert checks
    assert missing(checks, REFERENCE / "cli.md") == set()
    aspects = {*sources(r'"(\w+)": (?:Measurement|judge_pool|_judge)'), *sources(r'verdicts\["(\w+)"\]')}
    assert {"connectivity", "pool", "role", "schema"} <= aspects
    page = ROOT / "docs" / "explanation" / "health.md"
    assert {aspect for aspect in aspects if f":{aspect}`" not in page.read_text(encoding="utf-8")} == set()


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_every_public_name_is_documented(face: ModuleType) -> None:
    """It stands somewhere in the pages; pytest's hooks are for pytest alone."""
    assert missing({name for name in face.__all__ if not name.startswith("pytest_")}, *pages()) == set()


def test_every_field_of_a_service_is_in_its_table() -> None:
    page = (ROOT / "docs" / "howto" / "write-a-service.md").read_text(encoding="utf-8")
    table = page.partition("| field of `Service` |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"\w+", row)]
    assert sorted(named) == sorted(field.name for field in dataclasses.fields(Service))


def test_every_target_of_make_is_in_contributing() -> None:
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {f"make {target}" for target in targets if target != "help"}
    assert missing(named, ROOT / "CONTRIBUTING.md") == set()


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "decisions"
    listed = prose(decisions / "README.md")
    assert [page.name for page in decisions.glob("0*.md") if f"({page.name})" not in listed] == []


def test_a_name_that_is_missing_is_found(tmp_path: Path) -> None:
    """A part of a longer name does not count."""
    page = tmp_path / "page.md"
    page.write_text("`TN001`, `tenantry upgrade` and `AI_AGENTS_DB_HOSTNAME`")
    assert missing({"TN001", "tenantry up", "AI_AGENTS_DB_HOST"}, page) == {"tenantry up", "AI_AGENTS_DB_HOST"}
