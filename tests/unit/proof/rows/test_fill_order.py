from __future__ import annotations

import pytest

from tenantry import errors
from tenantry.proof.rows.fill_order import arrange
from tenantry.proof.rows.shape import Column, Constraint, Shape, Type

NUMBER = Type("int4", "b")


def shape(
    name: str, *targets: str, nullable: bool = False, is_full: bool = False, is_deferrable: bool = False
) -> Shape:
    """A table with a tenant and a reference of two columns to each target."""
    names = {"tenant": True, **dict.fromkeys(targets, not nullable)}
    columns = {column: Column(column, NUMBER, required, has_default=False) for column, required in names.items()}
    references = [
        Constraint(
            f"{name}_{target}",
            "f",
            ("tenant", target),
            "",
            ("public", target),
            ("tenant", "id"),
            is_full,
            is_deferrable,
        )
        for target in targets
    ]
    return Shape(("public", name), columns, tuple(references))


def order(*shapes: Shape) -> tuple[list[str], list[str], list[str]]:
    """Return the tables in their order, then the references that are nullable and those that are deferred."""
    arranged = arrange({one.key: one for one in shapes})
    names = [[reference.name for _, reference in found] for found in (arranged.nullable, arranged.deferred)]
    return [name for _, name in arranged.keys], names[0], names[1]


def test_parents_go_before_their_children() -> None:
    assert order(shape("a", "b"), shape("b", "c"), shape("c")) == (["c", "b", "a"], [], [])


def test_a_table_that_refers_to_itself_does_not_wait() -> None:
    assert order(shape("a", "a")) == (["a"], [], [])


def test_a_circle_begins_where_a_reference_may_be_null() -> None:
    assert order(shape("a", "b"), shape("b", "a", nullable=True)) == (["b", "a"], ["b_a"], [])


def test_a_circle_begins_where_a_reference_is_deferrable() -> None:
    assert order(shape("a", "b"), shape("b", "a", is_deferrable=True)) == (["b", "a"], [], ["b_a"])


def test_a_reference_that_may_be_null_is_preferred_to_a_deferrable_one() -> None:
    assert order(shape("a", "b", is_deferrable=True), shape("b", "a", nullable=True)) == (["b", "a"], ["b_a"], [])


def test_a_circle_of_three_begins_at_its_only_deferrable_reference() -> None:
    found = order(shape("a", "b"), shape("b", "c"), shape("c", "a", is_deferrable=True))
    assert found == (["c", "b", "a"], [], ["c_a"])


def test_a_table_that_only_refers_to_a_circle_keeps_its_reference() -> None:
    """Its reference may be NULL, and is not the one that has to wait."""
    found = order(shape("a", "b", nullable=True), shape("b", "c"), shape("c", "b", is_deferrable=True))
    assert found == (["c", "b", "a"], [], ["c_b"])


def test_two_circles_that_share_a_table() -> None:
    found = order(shape("a", "b", "c", is_deferrable=True), shape("b", "a"), shape("c", "a"))
    assert found == (["a", "b", "c"], [], ["a_b", "a_c"])


def test_a_circle_that_no_row_can_begin_names_its_tables_and_constraints() -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        order(shape("a", "b"), shape("b", "a"), shape("c", "b"))
    assert "Tables public.a, public.b refer to each other in a circle" in caught.value.what
    assert "a_b of public.a, b_a of public.b" in caught.value.why
    assert "DEFERRABLE" in caught.value.remedy


def test_a_full_match_is_null_only_where_all_of_it_may_be() -> None:
    with pytest.raises(errors.ConfigurationError, match="circle"):
        order(shape("a", "b"), shape("b", "a", nullable=True, is_full=True))
