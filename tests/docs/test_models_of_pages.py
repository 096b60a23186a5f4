"""The models that pages show load as a service."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from documents import ROOT, Block, blocks, pages

from tenantry import Service
from tenantry.settings import DatabaseSettings

pytestmark = pytest.mark.docs

EVERY = [block for page in pages() for block in blocks(page) if block.language == "python"]
MODELS = [block for block in EVERY if "(TenantBase, DeclarativeBase)" in block.text]
DECLARATIONS = ROOT / "docs" / "reference" / "declarations.md"


@pytest.mark.parametrize("block", MODELS, ids=str)
def test_models_are_accepted(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model has a shape that the same pages call refused."""
    # SQLAlchemy looks up the names of annotations in the module.
    module: Any = ModuleType("models_of_a_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block.text, str(block), "exec", dont_inherit=True), vars(module))  # noqa: S102  # a page of the project
    service = Service(
        name="page", settings=DatabaseSettings, metadata=module.Base.metadata, migrations=ROOT, app="page.app:app"
    )
    service.check_models()
    assert len(service.metadata.tables) > 0


def test_the_pages_show_models() -> None:
    """The page of declarations shows the base class, tables without a model and lookups."""
    assert len([block for block in MODELS if block.page == DECLARATIONS]) == 3
    assert {block.page.name for block in MODELS} > {"declarations.md", "relate-tables.md"}
