"""The output of the command line: data on stdout, as JSON or as a table; everything else on stderr.

Scripts may rely on the JSON: every field is always present, and a field without a value is null.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tenantry import errors

__all__ = ["plain", "say", "write", "write_error", "write_json", "write_table"]


def say(text: str) -> None:
    """Print a message to stderr."""
    click.echo(text, err=True)


def write(text: str) -> None:
    """Print a line of data to stdout."""
    click.echo(text)


def write_json(value: Any) -> None:
    """Print one JSON document to stdout."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False))


def plain(value: Any) -> Any:
    """Convert `value` to types that JSON has: dataclasses to objects, unknown types to text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [plain(item) for item in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value.as_posix() if isinstance(value, Path) else str(value)


def write_error(error: errors.TenantryError, *, as_json: bool, is_said: bool = True) -> None:
    """Print what failed, why, and how to fix it; with `as_json` also as a JSON document on stdout."""
    if as_json:
        parts = {"code": error.code, "what": error.what, "why": error.why or None, "remedy": error.remedy or None}
        write_json({"error": {**parts, "details": error.details}})
    if is_said:
        say(click.style("Error: ", fg="red", bold=True) + error.what)
        for line in (*error.why.splitlines(), *error.remedy.splitlines()):
            say(f"  {line}")


def write_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their headings: on a terminal with colours and wrapping, else in plain columns."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        _write_rich(columns, texts)
        return
    widths = [max(map(len, cells)) for cells in zip(columns, *texts, strict=True)]
    for line in (columns, *texts):
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        write("  ".join(padded).rstrip())


def _write_rich(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        # Text, because rich would read brackets in a cell as markup.
        table.add_row(*map(Text, row))
    Console().print(table)
