from __future__ import annotations

import pytest

from tenantry import errors
from tenantry.proof.rows.order import arrange
from tenantry.proof.rows.shape import Column, Constraint, Shape, Type

NUMBER = Type("int4", "b")


def shape(name: str, *targets: str, nullable: bool = False, is_full: bool = False) -> Shape:
    """A table with a tenant and a reference of two columns to each target."""
    names = {"tenant": True, **dict.fromkeys(targets, not nullable)}
    columns = {column: Column(column, NUMBER, required, has_default=False) for column, required in names.items()}
    references = [
        Constraint(f"{name}_{target}", "f", ("tenant", target), "", ("public", target), ("tenant", "id"), is_full)
        for target in targets
    ]
    return Shape(("public", name), columns, tuple(references))


def order(*shapes: Shape) -> tuple[list[str], list[str]]:
    arranged = arrange({one.key: one for one in shapes})
    return [name for _, name in arranged.keys], [reference.name for _, reference in arranged.late]


def test_parents_go_before_their_children() -> None:
    assert order(shape("a", "b"), shape("b", "c"), shape("c")) == (["c", "b", "a"], [])


def test_a_table_that_refers_to_itself_waits_for_nobody() -> None:
    assert order(shape("a", "a")) == (["a"], [])


def test_a_circle_is_broken_where_a_reference_may_be_null() -> None:
    assert order(shape("a", "b"), shape("b", "a", nullable=True)) == (["b", "a"], ["b_a"])


def test_a_circle_in_which_nothing_may_be_null_is_told() -> None:
    with pytest.raises(errors.ConfigurationError, match="Tables a, b refer to each other in a circle"):
        order(shape("a", "b"), shape("b", "a"))


def test_a_full_match_is_null_only_where_all_of_it_may_be() -> None:
    with pytest.raises(errors.ConfigurationError, match="circle"):
        order(shape("a", "b"), shape("b", "a", nullable=True, is_full=True))
