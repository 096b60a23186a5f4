"""The order of creation, and what goes with what."""

from __future__ import annotations

import itertools

import pytest

from tenantry.postgres.dependencies import in_order, is_attached, uses
from tenantry.postgres.objects import Comment, DatabaseObject, Function, Grant, Policy, Trigger, View

TABLE_FUNCTION = Function("pick", "SELECT * FROM b_view", returns="SETOF b_view", language="sql")
VIEWS = (
    View("a_view", "SELECT * FROM pick()"),
    View("b_view", "SELECT * FROM c_view"),
    View("c_view", "SELECT 1 AS one"),
)


@pytest.mark.parametrize("items", list(itertools.permutations([TABLE_FUNCTION, *VIEWS])))
def test_what_another_text_names_comes_first(items: tuple[DatabaseObject, ...]) -> None:
    names = [item.name for item in in_order(items) if isinstance(item, Function | View)]
    assert names == ["c_view", "b_view", "pick", "a_view"]


def test_a_circle_of_names_still_has_an_order() -> None:
    one, two = View("one", "SELECT * FROM two"), View("two", "SELECT 1 AS one")
    assert {item.identity for item in in_order([one, two])} == {one.identity, two.identity}


def test_names_are_words() -> None:
    view = View("v", "SELECT title FROM articles_archive")
    assert not uses(view, Function("articles", ""))
    assert uses(view, View("articles_archive", ""))


VIEW, POLICY = View("v", "SELECT 1"), Policy("p", "items")
TRIGGER, FUNCTION = Trigger("t", "v", "f"), Function("f", "", arguments="a integer DEFAULT 1")

ATTACHED = [
    (Grant("r", ("SELECT",), "v"), VIEW),
    (TRIGGER, VIEW),
    (Comment("VIEW", "v", "text"), VIEW),
    (Comment("POLICY", "p", "text", table="items"), POLICY),
    (Comment("TRIGGER", "t", "text", table="v"), TRIGGER),
    (Comment("FUNCTION", "f(a integer)", "text"), FUNCTION),
]
APART = [
    (Grant("r", ("USAGE",), "v", kind="SEQUENCE"), VIEW),
    (Grant("r", ("SELECT",), "v", schema="other"), VIEW),
    (Comment("VIEW", "v", "text", schema="other"), VIEW),
    (Comment("POLICY", "p", "text", table="others"), POLICY),
    (POLICY, VIEW),
    (Comment("SEQUENCE", "v", "text"), Grant("r", ("SELECT",), "v")),
]


@pytest.mark.parametrize(("item", "other"), ATTACHED)
def test_privileges_triggers_and_comments_go_with_their_object(item: DatabaseObject, other: DatabaseObject) -> None:
    assert is_attached(item, other)


@pytest.mark.parametrize(("item", "other"), APART)
def test_other_objects_stay(item: DatabaseObject, other: DatabaseObject) -> None:
    assert not is_attached(item, other)
