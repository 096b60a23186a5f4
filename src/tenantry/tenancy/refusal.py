"""Refuse a table: every error of the rules names the table, the reason and the change that fixes it."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import Table

from tenantry import errors

__all__ = ["refuse"]


def refuse(table: Table, what: str, why: str, remedy: str) -> NoReturn:
    """Raise the error of a rule that `table` breaks.

    Raises:
        DeclarationError: always.
    """
    raise errors.DeclarationError(f"Table {table.name!r} {what}", why=why, remedy=remedy)
