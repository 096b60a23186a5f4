from __future__ import annotations

import pytest

from tenantry.proof.rows.checks import ways_from
from tenantry.proof.rows.seed import Seed
from tenantry.proof.rows.shape import Type

TEXT, NUMBER = Type("text", "b"), Type("int4", "b")


def values(definition: str, kind: Type, number: int = 0) -> list[str | None]:
    return [way(Seed(number, "victim-rows")) for way in ways_from(definition, kind)]


def test_words_are_tried_in_turn() -> None:
    definition = "CHECK ((status = ANY (ARRAY['new'::text, 'it''s done'::text])))"
    assert values(definition, TEXT)[:2] == ["new", "it's done"]
    assert values(definition, TEXT, 1)[:2] == ["it's done", "new"]


@pytest.mark.parametrize("number", range(9))
def test_what_lies_between_two_bounds_is_tried_first(number: int) -> None:
    first = values("CHECK (((v >= 10) AND (v <= 20)))", NUMBER, number)[0]
    assert first is not None
    assert 10 < int(first) < 20


def test_bounds_and_their_neighbours_are_tried() -> None:
    assert {"3", "4", "2"} <= set(values("CHECK ((v > 3))", NUMBER))


def test_fractions_are_tried_beside_fractions() -> None:
    assert {"0.5", "0.501", "0.499"} <= set(values("CHECK ((v < 0.5))", Type("numeric", "b")))


def test_a_length_gives_a_text_of_it() -> None:
    assert 12 in {len(value or "") for value in values("CHECK ((char_length(v) = 12))", TEXT)}


def test_a_number_in_a_string_or_a_name_is_no_bound() -> None:
    assert values("CHECK ((v2 <> '17'::text))", NUMBER) == ["17", "17017"]


def test_a_pattern_gives_a_text_that_matches() -> None:
    assert "AA-0" in values("CHECK ((v ~ '^[A-Z]{2}-[0-9]$'::text))", TEXT)


def test_a_like_gives_a_text_that_matches() -> None:
    assert "sk_x0"[:2] + "xx0" in values("CHECK ((v ~~ 'sk_%'::text))", TEXT)


def test_what_must_not_match_is_no_candidate() -> None:
    assert "AA" not in values("CHECK ((v !~ '^A{2}$'::text))", TEXT)


def test_an_array_is_made_of_candidates_and_in_the_lengths_that_are_named() -> None:
    found = values("CHECK (((cardinality(v) = 2) AND (v <@ ARRAY['a'::text])))", Type("_text", "b", element=TEXT))
    assert '{"a"}' in found
    assert '{"victim-rows 0","victim-rows 0"}' in found


def test_a_range_begins_at_a_bound() -> None:
    assert values("CHECK ((lower(v) >= 100))", Type("int4range", "r", bound=NUMBER), 2) == ["[120,125)"]
