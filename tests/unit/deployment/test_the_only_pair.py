"""A service and its settings travel together as a `Deployment`; only that class takes them apart."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tenantry

SOURCE = Path(tenantry.__file__).parent
# `Deployment` itself is made of the two.
ALLOWED = {"deployment/deployment.py"}


def takes_both(text: str) -> Iterator[str]:
    """Yield the functions and classes that take a service and an instance of its settings."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            kinds = {ast.unparse(one.annotation) for one in arguments if one.annotation is not None}
        elif isinstance(node, ast.ClassDef):
            kinds = {ast.unparse(one.annotation) for one in node.body if isinstance(one, ast.AnnAssign)}
        else:
            continue
        if any("Service" in kind for kind in kinds) and any(_is_settings(kind) for kind in kinds):
            yield node.name


def _is_settings(kind: str) -> bool:
    return "DatabaseSettings" in kind and not kind.startswith("type[")


def test_no_function_takes_a_service_and_its_settings() -> None:
    found = {
        (place, name)
        for path in SOURCE.rglob("*.py")
        if (place := path.relative_to(SOURCE).as_posix()) not in ALLOWED
        for name in takes_both(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def f(service: Service, settings: DatabaseSettings) -> None: ...", ["f"]),
        ("async def f(*, service: Service | None, of: DatabaseSettings | None): ...", ["f"]),
        ("class Clone:\n    service: Service\n    settings: DatabaseSettings", ["Clone"]),
        ("def f(deployment: Deployment) -> DatabaseSettings: ...", []),
        ("class Service:\n    base: Service\n    settings: type[DatabaseSettings]", []),
    ],
)
def test_a_pair_is_found(text: str, found: list[str]) -> None:
    assert list(takes_both(text)) == found
