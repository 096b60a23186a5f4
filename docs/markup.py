"""Markdown as the generated tables need it."""  # noqa: INP001  (a script beside the pages it writes)

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tenantry.project import find_project
from tenantry.service import Service, load_services

__all__ = ["ROOT", "SERVICES", "code", "each_service", "summary", "table"]

ROOT = Path(__file__).parents[1]
SERVICES = load_services(find_project(ROOT))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; a bar inside a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(value: str | None) -> str:
    """Return a value as code, nothing for none."""
    return "" if value is None else f"`{value}`"


def summary(thing: Any) -> str:
    """Return the first paragraph of a docstring as one line."""
    return " ".join(inspect.cleandoc(thing.__doc__).partition("\n\n")[0].split())


def each_service(make: Callable[[Service], str]) -> str:
    """Return a table for each service of the project, under its title."""
    return "\n".join(f"### {service.title}\n\n{make(service)}" for service in SERVICES)
