"""Exclusion constraints of tenant tables: they must compare the tenant column for equality.

Otherwise the error of a conflict shows that another tenant's row exists, as a unique key does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Table, TextClause
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from tenantry import errors

__all__ = ["check_exclusions"]


def check_exclusions(table: Table, column: str) -> None:
    """Check that rows of different tenants never conflict.

    Raises:
        DeclarationError: an exclusion constraint does not compare the tenant column by `=`.
    """
    for constraint in table.constraints:
        if not isinstance(constraint, ExcludeConstraint):
            continue
        parts = list(_parts(constraint))
        if not any(operator == "=" and _is_tenant(name, column) for name, operator in parts):
            listed = ", ".join(f"{name} WITH {operator}" for name, operator in parts)
            raise errors.DeclarationError(
                f"Table {table.name!r} has an exclusion constraint over {listed} across tenants.",
                why="The error of a conflict would show that another tenant's row exists.",
                remedy=f"Add ({column!r}, '=') to the constraint as its first element. A GiST constraint also needs "
                "extensions=('btree_gist',) in Service().",
            )


def _is_tenant(element: str, column: str) -> bool:
    """Return True for the column, and for the range of this value alone, which GiST compares without btree_gist."""
    name = re.escape(column)
    return element == column or re.fullmatch(rf"int[48]range\({name}, {name}, '\[\]'\)", element) is not None


def _parts(constraint: ExcludeConstraint) -> Iterator[tuple[str, str]]:
    """Yield each element: a column's name, or the text of an expression, and its operator."""
    elements: list[tuple[Any, str | None, str]] = constraint._render_exprs  # noqa: SLF001  # it has no public name
    for expression, name, operator in elements:
        if isinstance(expression, Column | str):
            yield str(name), operator
        elif isinstance(expression, TextClause):
            yield expression.text.strip().strip('"'), operator
        else:
            yield str(expression), operator
