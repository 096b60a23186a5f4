from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, Column, DateTime, String, Uuid

from tenantry.fastapi.pages import _decode, _encode
from tenantry.fastapi.problems import Problem

COLUMNS: list[Column[Any]] = [Column("created_at", DateTime(timezone=True)), Column("id", Uuid())]
NUMBERED: list[Column[Any]] = [Column("name", String()), Column("id", BigInteger())]
NOW, ID = datetime(2026, 1, 1, tzinfo=UTC), UUID("6b2a1c1e-1f6c-4f0b-9d5e-0a7c9c3f2b11")


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_gives_back_its_key(moment: datetime, key: UUID) -> None:
    assert _decode(_encode([moment, key], COLUMNS), COLUMNS) == [moment, key]


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"])), st.integers(0, 2**63 - 1))
def test_text_and_numbers_come_back(name: str, number: int) -> None:
    assert _decode(_encode([name, number], NUMBERED), NUMBERED) == [name, number]


def forged(columns: list[Any], values: Any) -> str:
    document = json.dumps({"by": columns, "at": values}).encode()
    return base64.urlsafe_b64encode(document).rstrip(b"=").decode()


NAMES = ["created_at", "id"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "=" * 100,
        "!!!!",
        base64.urlsafe_b64encode(b"[" * 1000).decode(),
        base64.urlsafe_b64encode(b"\xff\xff").decode(),
        base64.urlsafe_b64encode(b"null").decode(),
        base64.urlsafe_b64encode(b'{"by": 1}').decode(),
        forged(["id"], [str(ID)]),
        forged(["other", "id"], [NOW.isoformat(), str(ID)]),
        forged(NAMES, [NOW.isoformat()]),
        forged(NAMES, ["yesterday", str(ID)]),
        forged(NAMES, [NOW.replace(tzinfo=None).isoformat(), str(ID)]),
        forged(NAMES, [datetime.min.replace(tzinfo=timezone(timedelta(hours=14))).isoformat(), str(ID)]),
        forged(NAMES, [NOW.isoformat(), "1' OR 1=1"]),
        forged(NAMES, [NOW.isoformat(), None]),
        forged(NAMES, [NOW.isoformat(), {"a": 1}]),
        forged([["a"], "id"], [1, 2]),
    ],
)
def test_what_is_no_cursor_of_this_listing_is_a_problem(cursor: str) -> None:
    with pytest.raises(Problem) as raised:
        _decode(cursor, COLUMNS)
    assert (raised.value.answer.status, raised.value.answer.code) == (422, "cursor_invalid")


@pytest.mark.parametrize(
    "values", [["a", 2**63], ["a", True], ["a", 1.5], ["a", "1"], ["a\0", 1], ["\ud800", 1], [1, 1]]
)
def test_a_value_that_the_database_could_not_hold_is_a_problem(values: list[Any]) -> None:
    with pytest.raises(Problem):
        _decode(forged(["name", "id"], values), NUMBERED)


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(cursor: str) -> None:
    with pytest.raises(Problem):
        _decode(cursor, COLUMNS)
