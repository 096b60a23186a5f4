"""The four public modules: each name exists, and services and documentation import from nowhere else."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from documents import ROOT, blocks, pages

import tenantry
import tenantry.alembic
import tenantry.fastapi
import tenantry.testing

FACES = (tenantry, tenantry.fastapi, tenantry.alembic, tenantry.testing)
LAZY = (tenantry, tenantry.fastapi, tenantry.testing)
each_face = pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
each_lazy_face = pytest.mark.parametrize("face", LAZY, ids=lambda face: face.__name__)


def source(module: ModuleType) -> ast.Module:
    assert module.__file__ is not None
    return ast.parse(Path(module.__file__).read_text(encoding="utf-8"))


def imported_for_types(tree: ast.Module) -> dict[str, str]:
    """Return the names that type checkers see, with the module that each is imported from."""
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or "": str(node.module) for node in imports for alias in node.names}


def imported_at_run_time(tree: ast.Module) -> dict[str, str]:
    """Return the names of the lazy table, with the module that each is imported from."""
    (call,) = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "lazy_names"]
    table: dict[str, tuple[str, ...]] = ast.literal_eval(call.args[1])
    return {name: module for module, names in table.items() for name in names}


def private_imports(text: str) -> Iterator[str]:
    """Yield what a source imports from the toolkit, other than a public name of a public module."""
    public = {face.__name__: set(face.__all__) for face in FACES}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
            yield from (name for name in found if name.partition(".")[0] == "tenantry" and name not in public)
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "tenantry":
            module = str(node.module)
            yield from (f"{module}.{one.name}" for one in node.names if one.name not in public.get(module, ()))


def sources() -> Iterator[tuple[str, str]]:
    """Yield each source that must use the public modules: its place and its text."""
    for path in sorted((ROOT / "services").rglob("*.py")):
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
    for page in pages():
        place = str(page.relative_to(ROOT))
        if place == "README.md" or place.startswith(("docs/tutorial/", "docs/howto/", "docs/explanation/")):
            yield from ((place, block.text) for block in blocks(page) if block.language == "python")


@each_face
def test_every_public_name_exists_and_is_listed_once(face: ModuleType) -> None:
    assert [name for name in face.__all__ if getattr(face, name, None) is None] == []
    assert len(set(face.__all__)) == len(face.__all__)


@each_lazy_face
def test_type_checkers_see_what_is_imported_at_run_time(face: ModuleType) -> None:
    tree = source(face)
    assert imported_for_types(tree) == imported_at_run_time(tree)
    assert set(imported_at_run_time(tree)) <= set(face.__all__)


@each_lazy_face
def test_no_public_name_is_the_name_of_another_submodule(face: ModuleType) -> None:
    """Importing `tenantry.fastapi.host` would replace a function `host` of the package."""
    modules = {one.name for one in pkgutil.iter_modules(face.__path__)}
    homes = imported_at_run_time(source(face))
    assert {name for name in set(face.__all__) & modules if homes.get(name) != face.__name__} == set()


@pytest.mark.parametrize("face", [tenantry, tenantry.fastapi], ids=lambda face: face.__name__)
def test_dir_lists_every_public_name(face: ModuleType) -> None:
    assert set(face.__all__) <= set(dir(face))


@each_lazy_face
def test_an_unknown_name_is_an_attribute_error(face: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"module '{face.__name__}' has no attribute 'Nothing'"):
        face.Nothing  # noqa: B018


def test_a_name_is_imported_at_its_first_use() -> None:
    """The second use finds it in the package."""
    program = """
import sys, tenantry, tenantry.fastapi
assert not [name for name in sys.modules if name.split(".")[0] in ("sqlalchemy", "fastapi", "pydantic")]
assert tenantry.fastapi.Problem is sys.modules["tenantry.fastapi.problems"].Problem
assert "Problem" in vars(tenantry.fastapi)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_services_and_documentation_import_public_names_only() -> None:
    assert [(place, name) for place, text in sources() for name in private_imports(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from tenantry.fastapi import Problem, rows\nimport tenantry.alembic\nimport tenantry_other", []),
        ("from tenantry.fastapi.rows import find", ["tenantry.fastapi.rows.find"]),
        ("from tenantry.fastapi import pages", ["tenantry.fastapi.pages"]),
        ("def late() -> None:\n    import tenantry.postgres.engine", ["tenantry.postgres.engine"]),
        ("from tenantry.migrations import migrate", ["tenantry.migrations.migrate"]),
    ],
)
def test_a_private_import_is_found(text: str, found: list[str]) -> None:
    assert list(private_imports(text)) == found


def test_every_module_of_a_face_can_be_imported() -> None:
    for face in LAZY:
        for module in imported_at_run_time(source(face)).values():
            importlib.import_module(module)
