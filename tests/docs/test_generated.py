"""The tables of the reference, and `.env.example`, are those that the code gives now."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest
from documents import ROOT

from tenantry.project import find_project
from tenantry.service import load_services
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("generate")


def test_every_table_is_current(generate: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """`python docs/generate.py` would change nothing."""
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_table_is_named(
    generate: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that is not in its page, and a page that shows no table, are told."""
    monkeypatch.setitem(generate.TABLES, "errors", lambda: "| nothing |\n")
    assert generate.main(["--check"]) == 1
    assert "errors.md is out of date" in capsys.readouterr().err
    monkeypatch.setitem(generate.TABLES, "new", lambda: "")
    assert generate.main(["--check"]) == 1
    assert "new" in capsys.readouterr().err


def test_every_setting_is_described() -> None:
    """A variable without a word about it would be an empty cell."""
    for service in load_services(find_project(ROOT)):
        assert [one.name for one in list_variables(service.settings) if not one.description] == []
