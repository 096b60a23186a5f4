from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tenantry.web.fields import Email, JSONObject, Title, Username


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (Email, "Ada.Lovelace+1@Acme.EXAMPLE", "ada.lovelace+1@acme.example"),
        (Email, "o'hara@xn--bcher-kva.example", "o'hara@xn--bcher-kva.example"),
        (Email, "root@localhost", "root@localhost"),
        (Username, "Ada_L.-9", "ada_l.-9"),
        (Title, "  Acme \t Corporation ", "Acme Corporation"),
        (Title, "Bu\u0308cher 本 & Co.", "Bücher 本 & Co."),
    ],
)
def test_a_text_gets_its_one_form(kind: Any, given: str, kept: str) -> None:
    assert TypeAdapter(kind).validate_python(given) == kept


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Email, "ada"),
        (Email, "@acme.example"),
        (Email, "ada@"),
        (Email, "ada@-acme.example"),
        (Email, "ada@acme.example."),
        (Email, "ada@acme.example\n"),
        (Email, "ada@bücher.example"),
        (Email, "\u0430da@acme.example"),
        (Email, f"{'x' * 65}@acme.example"),
        (Email, f"ada@{'.'.join(['x' * 63] * 4)}"),
        (Username, ".ada"),
        (Username, "ada lovelace"),
        (Username, "ada\n"),
        (Username, "x" * 101),
        (Title, "\u200b"),
        (Title, "with\0NUL"),
        (Title, "half \ud800"),
        (Title, "   "),
    ],
)
def test_what_could_look_like_another_is_refused(kind: Any, given: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(given)


@pytest.mark.parametrize("value", [{}, {"a": [1, {"b": None}]}, {"quote": "ü \\u0000 spelt out"}])
def test_an_object_that_jsonb_can_hold_is_kept_as_it_is(value: object) -> None:
    assert TypeAdapter(JSONObject).validate_python(value) == value


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": "\x00"},
        {"\x00": 1},
        {"a": "\ud800"},
        {"a": "x" * (64 * 1024)},
    ],
    ids=["list", "text", "nan", "infinity", "nul", "nul in a key", "half a pair", "too large"],
)
def test_an_object_that_jsonb_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(JSONObject).validate_python(value)
