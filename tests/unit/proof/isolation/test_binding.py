from __future__ import annotations

import pytest

from tenantry.proof.isolation.binding import LONG, OWN, Binding, make_bindings

NAMES = ["own", "none", "empty", "malformed", "long", "quoted"]


def bindings(victim: str = "o'brien", *, is_text: bool = True) -> dict[str, Binding]:
    made = make_bindings("SET LOCAL app.t = 'me'", "app.t", victim, is_text=is_text)
    return {binding.name: binding for binding in made}


def test_there_are_six() -> None:
    assert list(bindings()) == NAMES


def test_only_the_own_one_may_see_rows() -> None:
    assert [name for name, binding in bindings().items() if binding.is_own] == [OWN]
    assert bindings()["own"].preamble == "SET LOCAL app.t = 'me'"


def test_none_binds_nothing_and_empty_binds_nothing_but_quotes() -> None:
    assert bindings()["none"].preamble == ""
    assert bindings()["empty"].preamble == "SET LOCAL app.t = ''"


def test_a_quote_in_a_name_stays_inside_its_literal() -> None:
    assert bindings()["quoted"].preamble == "SET LOCAL app.t = 'o''brien'' OR ''x''=''x'"


@pytest.mark.parametrize("name", NAMES[1:])
def test_no_other_binding_is_the_victim(name: str) -> None:
    assert bindings()[name].preamble != "SET LOCAL app.t = 'o''brien'"


def test_a_malformed_text_differs_in_what_the_eye_passes_over() -> None:
    assert bindings("acme")["malformed"].preamble == "SET LOCAL app.t = 'acme\N{ZERO WIDTH SPACE}'"


@pytest.mark.parametrize("victim", ["1002", "-7", "8f1e3c52-5b0c-4f7e-9d36-3f4f1c1d2e3a"])
def test_a_malformed_number_or_uuid_is_none(victim: str) -> None:
    assert bindings(victim, is_text=False)["malformed"].preamble == f"SET LOCAL app.t = '{victim[:-1]}x'"


def test_the_long_one_begins_with_the_victim() -> None:
    value = bindings("acme")["long"].preamble.removeprefix("SET LOCAL app.t = ").strip("'")
    assert value.startswith("acmex")
    assert len(value) == LONG


def test_a_binding_is_not_printed_with_its_preamble() -> None:
    """A hundred thousand characters would be, and a signed binding is as good as a password for its time."""
    assert repr(bindings()["long"]) == "Binding(name='long')"
