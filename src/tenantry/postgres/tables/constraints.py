"""Constraints: the declared ones with those in the catalog, and whether each is as declared.

A constraint without a name, in metadata without a naming convention, gets its name from the server. So it is found by
its definition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import (
    CheckConstraint,
    Constraint,
    ForeignKeyConstraint,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.schema import AddConstraint

from tenantry.postgres.tables.columns import Row
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import DIALECT, Key, as_sql, constraint_name, is_created, key_of
from tenantry.postgres.tables.indexes import has_same_keys, parse_key
from tenantry.postgres.tables.referential_action import parse_action

__all__ = ["ConstraintPair", "add_constraint", "is_same_constraint", "kind_of", "match_constraints"]

_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}


class ConstraintPair(NamedTuple):
    """A declared constraint and its row in the catalog; one of both may be missing."""

    declared: Constraint | None
    name: str
    row: Row | None
    is_same: bool


def match_constraints(
    table: Table, rows: Mapping[str, Row], indexes: Mapping[str, Row], comparison: Comparison
) -> list[ConstraintPair]:
    """Return each declared constraint and each constraint in the catalog once; the comparison must be settled.

    Args:
        table: the declared table.
        rows: its constraints in the catalog, by name.
        indexes: its indexes in the catalog, by name.
        comparison: compares the expressions.
    """
    key = key_of(table)
    items = sorted(filter(is_created, table.constraints), key=lambda item: (constraint_name(item), str(kind_of(item))))
    left = dict(rows)
    pairs: list[ConstraintPair] = []
    for item in items:
        if name := constraint_name(item):
            row = left.pop(name, None)
            same = row is not None and is_same_constraint(item, key, row, indexes, comparison)
            pairs.append(ConstraintPair(item, name, row, same))
    for item in items:
        if not constraint_name(item):
            pairs.append(_by_definition(item, key, left, indexes, comparison))
            left.pop(pairs[-1].name, None)
    return [*pairs, *(ConstraintPair(None, name, row, is_same=False) for name, row in left.items())]


def is_same_constraint(
    item: Constraint, key: Key, row: Row, indexes: Mapping[str, Row], comparison: Comparison
) -> bool:
    """Return whether the constraint in the catalog is the declared one, apart from its name."""
    if row["kind"] != kind_of(item) or not _is_same_timing(item, row):
        return False
    if isinstance(item, CheckConstraint):
        return comparison.is_same(key, as_sql(item.sqltext), row["expression"])
    if isinstance(item, ForeignKeyConstraint):
        return _is_same_reference(item, row)
    index = indexes.get(row["index"])
    if isinstance(item, PrimaryKeyConstraint | UniqueConstraint):
        options = item.dialect_options["postgresql"]
        included = [getattr(each, "name", each) for each in options.get("include") or ()]
        is_not_distinct = isinstance(item, UniqueConstraint) and bool(options.get("nulls_not_distinct"))
        return row["columns"] == [column.name for column in item.columns] and (
            index is None or (index["included"], index["is_nulls_not_distinct"]) == (included, is_not_distinct)
        )
    return (
        index is None
        or not isinstance(item, ExcludeConstraint)
        or _is_same_exclusion(item, key, row, index, comparison)
    )


def kind_of(item: Constraint) -> str:
    """Return the constraint's letter in pg_constraint.contype."""
    kinds: tuple[tuple[type[Constraint], str], ...] = (
        (PrimaryKeyConstraint, "p"),
        (UniqueConstraint, "u"),
        (CheckConstraint, "c"),
        (ForeignKeyConstraint, "f"),
        (ExcludeConstraint, "x"),
    )
    return next((letter for kind, letter in kinds if isinstance(item, kind)), "")


def add_constraint(item: Constraint) -> str:
    """Return the statement that adds the constraint."""
    return str(AddConstraint(item, isolate_from_table=False).compile(dialect=DIALECT)).strip()


def _by_definition(
    item: Constraint, key: Key, rows: Mapping[str, Row], indexes: Mapping[str, Row], comparison: Comparison
) -> ConstraintPair:
    """Return the unnamed constraint with a row that it could have made."""
    for name, row in rows.items():
        if is_same_constraint(item, key, row, indexes, comparison):
            return ConstraintPair(item, name, row, is_same=True)
    # A table has one primary key, so that one is altered, and not another one.
    if isinstance(item, PrimaryKeyConstraint):
        for name, row in rows.items():
            if row["kind"] == "p":
                return ConstraintPair(item, name, row, is_same=False)
    return ConstraintPair(item, "", None, is_same=False)


def _is_same_timing(item: Constraint, row: Row) -> bool:
    if isinstance(item, CheckConstraint):
        return True
    is_deferred = (item.initially or "").upper() == "DEFERRED"
    return (bool(item.deferrable) or is_deferred, is_deferred) == (row["is_deferrable"], row["is_deferred"])


def _is_same_reference(item: ForeignKeyConstraint, row: Row) -> bool:
    on_delete = parse_action(item.ondelete)
    return (
        row["columns"] == [element.parent.name for element in item.elements]
        and row["target"] == ".".join(key_of(item.referred_table))
        and row["target_columns"] == [element.column.name for element in item.elements]
        and (_ACTIONS[row["on_delete"]], _ACTIONS[row["on_update"]])
        == (on_delete.verb, parse_action(item.onupdate).verb)
        # Without a list, the action sets all columns.
        and set(row["set_columns"] or row["columns"]) == set(on_delete.columns or row["columns"])
        and (row["match"] == "f") == ((item.match or "").upper() == "FULL")
    )


def _is_same_exclusion(item: ExcludeConstraint, key: Key, row: Row, index: Row, comparison: Comparison) -> bool:
    elements = [
        parse_key(as_sql(expression), item.ops.get(getattr(expression, "key", ""), ""), is_ordered=False)
        for expression, _, _ in item._render_exprs  # noqa: SLF001  # Alembic uses it too
    ]
    operators = [operator for _, _, operator in item._render_exprs]  # noqa: SLF001
    if (item.using.lower(), operators) != (index["method"], row["operators"]):
        return False
    if (item.where is None) != (index["predicate"] is None):
        return False
    is_same_predicate = item.where is None or comparison.is_same(key, as_sql(item.where), index["predicate"])
    return has_same_keys(key, elements, index, comparison) and is_same_predicate
