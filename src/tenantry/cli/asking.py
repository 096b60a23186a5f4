"""Questions to a developer at a terminal while a revision is written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tenantry.migrations.renames import Rename

__all__ = ["TerminalAsker", "is_terminal"]


def is_terminal() -> bool:
    """Return True if a person reads stderr and can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class TerminalAsker:
    """Asks on stderr."""

    def is_renamed(self, rename: Rename) -> bool:
        """Ask whether something that is gone has another name now."""
        return click.confirm(f"Was {rename} renamed to {rename.new}?", default=False, err=True)

    def value_for(self, column: str, type_: str) -> str | None:
        """Ask for the value that rows get in a column that becomes NOT NULL."""
        question = (
            f"{column} becomes NOT NULL and has no default. SQL expression for the rows that exist, of type {type_} "
            "(empty: no value, so that the revision fails if there are rows)"
        )
        answer: str = click.prompt(question, default="", show_default=False, err=True)
        return answer.strip() or None
