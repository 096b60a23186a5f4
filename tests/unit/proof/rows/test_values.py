from __future__ import annotations

import pytest

from tenantry.proof.rows.seed import Seed
from tenantry.proof.rows.shape import Type
from tenantry.proof.rows.values import array_of, ways_of


def values(kind: Type, count: int = 30, longest: int | None = None) -> list[str | None]:
    return [ways_of(kind)[0](Seed(number, "victim-rows", longest)) for number in range(count)]


@pytest.mark.parametrize("length", [2, 3, 5, 8, 13, 40])
def test_a_text_fits_and_tells_rows_apart(length: int) -> None:
    found = values(Type("varchar", "b", modifier=length + 4))
    assert max(len(value or "") for value in found) <= length
    assert len(set(found)) == 30


def test_a_text_begins_with_its_marker_as_far_as_there_is_room() -> None:
    assert values(Type("text", "b"), 1) == ["victim-rows 0"]
    assert values(Type("varchar", "b", modifier=4 + 8), 1) == ["victim-0"]


def test_a_text_is_cut_to_what_an_attempt_showed() -> None:
    assert values(Type("text", "b"), 1, longest=4) == ["vic0"]


@pytest.mark.parametrize(("precision", "scale", "most"), [(3, 1, 99), (2, 2, 1), (1, 0, 9), (12, 6, 999999)])
def test_a_number_fits(precision: int, scale: int, most: int) -> None:
    kind = Type("numeric", "b", modifier=(precision << 16 | scale) + 4)
    for way in ways_of(kind):
        for number in range(2000):
            value = float(way(Seed(number, "victim-rows")) or "nan")
            assert abs(value) <= most


def test_labels_take_turns() -> None:
    kind = Type("mood", "e", labels=("calm", "wild"))
    assert values(kind, 3) == ["calm", "wild", "calm"]
    assert [way(Seed(0, "")) for way in ways_of(kind)] == ["calm", "wild"]


def test_a_vector_has_its_dimensions_and_a_direction_of_its_own() -> None:
    assert values(Type("vector", "b", modifier=3), 2) == ["[1,1,1]", "[2,1,1]"]


def test_an_array_quotes_what_it_holds() -> None:
    assert array_of(['say "hi"', "a\\b", None, ""]) == '{"say \\"hi\\"","a\\\\b",NULL,""}'


def test_a_composite_holds_what_nobody_knows_as_null() -> None:
    kind = Type("pair", "c", fields=(Type("int4", "b"), Type("regclass", "b"), Type("text", "b")))
    assert values(kind, 1) == ['("1",,"victim-rows 0")']


def test_ranges_do_not_touch() -> None:
    assert values(Type("int4range", "r", bound=Type("int4", "b")), 2) == ["[0,10)", "[20,30)"]


def test_a_type_that_nobody_knows_has_no_values() -> None:
    assert ways_of(Type("regclass", "b")) == ()
    assert ways_of(Type("_regclass", "b", element=Type("regclass", "b")))[0](Seed(0, "")) == "{}"
