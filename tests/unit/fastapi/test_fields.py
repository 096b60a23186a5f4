from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from tenantry.fastapi.fields import Count, Email, JSONObject, Text, Title, Username, WebAddress


def nested(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def test_an_object_of_a_hundred_levels_is_kept() -> None:
    assert TypeAdapter(JSONObject).validate_python(nested(100)) == nested(100)


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        (Email, "Ada.Lovelace+1@Acme.EXAMPLE", "ada.lovelace+1@acme.example"),
        (Email, "o'hara@xn--bcher-kva.example", "o'hara@xn--bcher-kva.example"),
        (Email, "O'Hara@XN--Bcher-KVA.Example", "o'hara@xn--bcher-kva.example"),
        (Email, "root@localhost", "root@localhost"),
        (Email, "Ada@Corp.LOCAL", "ada@corp.local"),
        (Email, "ada@acme.test", "ada@acme.test"),
        (Email, "ada@intranet", "ada@intranet"),
        (Username, "Ada_L.-9", "ada_l.-9"),
        (Title, "  Acme \t Corporation ", "Acme Corporation"),
        (Title, "Bu\u0308cher 本 & Co.", "Bücher 本 & Co."),
        (Text, "a\nb 本", "a\nb 本"),
        (WebAddress, "HTTPS://Desk.example", "https://desk.example/"),
        (WebAddress, "https://desk.example:443/a/../b", "https://desk.example/b"),
        (WebAddress, "https://bücher.example/", "https://xn--bcher-kva.example/"),
        (WebAddress, "http://10.0.0.1:8080/api?v=3", "http://10.0.0.1:8080/api?v=3"),
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
        (Email, " ada@acme.example"),
        (Email, "ada@acme.example\u00a0"),
        (Email, "ada@acme.example\u2028"),
        (Email, "Ada <ada@acme.example>"),
        (Email, "ada..lovelace@acme.example"),
        (Email, '"ada lovelace"@acme.example'),
        (Email, "ada@[127.0.0.1]"),
        (Email, "ada@acme\u3002example"),
        (Email, "ada@\uff41cme.example"),
        (Email, "ada@xn--a.example"),
        (Email, "ada@.localhost"),
        (Email, "ada@localhost."),
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
        (Text, "a\0b"),
        (WebAddress, "desk.example"),
        (WebAddress, "ftp://desk.example/"),
        (WebAddress, "https://ada@desk.example/"),
        (WebAddress, "https://:secret@desk.example/"),
        (WebAddress, f"https://desk.example/{'ü' * 200}"),
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
        nested(101),
        {"a": [[nested(99)]]},
        nested(254),
    ],
    ids=[
        "list",
        "text",
        "nan",
        "infinity",
        "nul",
        "nul in a key",
        "half a pair",
        "too large",
        "deep",
        "deep in lists",
        "too deep",
    ],
)
def test_an_object_that_jsonb_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(JSONObject).validate_python(value)


@pytest.mark.parametrize(
    ("kind", "given"), [(WebAddress, "https://ada:a-password@desk.example/"), (Email, "ada@a-password_.example")]
)
def test_a_refused_address_is_not_repeated(kind: Any, given: str) -> None:
    """It may hold a password, and the error is shown and logged."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    assert "a-password" not in str([error["msg"] for error in caught.value.errors()])


@pytest.mark.parametrize(("number", "fits"), [(0, True), (2**31 - 1, True), (-1, False), (2**31, False)])
def test_a_count_fits_into_an_integer_column(number: int, *, fits: bool) -> None:
    try:
        assert TypeAdapter(Count).validate_python(number) == number
    except ValidationError:
        assert not fits
    else:
        assert fits
