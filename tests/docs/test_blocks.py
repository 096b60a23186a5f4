"""What stands in fenced blocks could be pasted: it parses, its imports exist, its variables are settings."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import tomllib
from collections.abc import Callable, Iterator

import pytest
from documents import ROOT, Block, blocks, pages

from tenantry.project import find_project
from tenantry.service import load_services
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

EVERY = [block for page in pages() for block in blocks(page)]

# Languages that renderers know, and that somebody here looks at.
KNOWN = {"bash", "dotenv", "ini", "json", "python", "sql", "text", "toml"}
# Packages that the pages themselves tell the reader to write.
TUTORIAL = {"bookshop"}


def of(*languages: str) -> list[Block]:
    return [block for block in EVERY if block.language in languages]


def unresolved(text: str) -> Iterator[str]:
    """Yield what a block imports from the toolkit or the services and does not exist."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] not in TUTORIAL:
            if node.module == "__future__":
                continue
            module = importlib.import_module(node.module)
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if not hasattr(module, alias.name) and not _is_module(name):
                    yield name


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


def parse_ini(text: str) -> list[str]:
    # %(here)s is Alembic's.
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return parser.sections()


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_compiles_and_its_imports_exist(block: Block) -> None:
    compile(block.text, str(block), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    assert list(unresolved(block.text)) == []


@pytest.mark.parametrize("block", of("toml", "ini"), ids=str)
def test_configuration_parses(block: Block) -> None:
    parse: dict[str, Callable[[str], object]] = {"toml": tomllib.loads, "ini": parse_ini}
    assert parse[block.language](block.text)


@pytest.mark.parametrize("block", of("dotenv"), ids=str)
def test_variables_are_settings(block: Block) -> None:
    known = {one.name for service in load_services(find_project(ROOT)) for one in list_variables(service.settings)}
    assert {line.partition("=")[0] for line in block.text.splitlines() if line} <= known


def test_every_variable_that_a_page_names_exists() -> None:
    """`AI_AGENTS_DATABSE_URL` would be found here, and by nobody else for a long time."""
    known = {one.name for service in load_services(find_project(ROOT)) for one in list_variables(service.settings)}
    prefixes = "|".join(service.settings.model_config["env_prefix"] for service in load_services(find_project(ROOT)))
    pattern = rf"\b(?:{prefixes})[A-Z_]*[A-Z]\b"
    named = {name for page in pages() for name in re.findall(pattern, page.read_text("utf-8"))}
    assert named - known == set()


def test_every_block_has_a_language_that_we_know() -> None:
    assert [str(block) for block in EVERY if block.language not in KNOWN] == []


def test_a_name_that_does_not_exist_is_found() -> None:
    """An import of the toolkit that was renamed is noticed; the tutorial's own package is not looked for."""
    text = "from tenantry import Nothing, errors\nfrom bookshop.models import Book\nfrom tenantry.fastapi import rows\n"
    assert list(unresolved(text)) == ["tenantry.Nothing"]
