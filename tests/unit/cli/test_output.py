from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tenantry.cli.output import plain, write_json, write_table


@dataclasses.dataclass
class Thing:
    name: str
    place: Path | None = None
    parts: tuple[object, ...] = ()


def test_a_field_without_a_value_is_null_and_not_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"thing": Thing("a")})
    assert json.loads(capsys.readouterr().out) == {"thing": {"name": "a", "place": None, "parts": []}}


def test_what_json_does_not_know_becomes_text() -> None:
    number = uuid.UUID(int=1)
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    values = (Path("/a/b"), number, moment, Decimal("1.50"), {1: True}, frozenset({"x"}), b"\x00")
    assert plain(Thing("a", parts=values))["parts"] == [
        "/a/b",
        str(number),
        "2026-01-02T00:00:00+00:00",
        "1.50",
        {"1": True},
        ["x"],
        "b'\\x00'",
    ]


def test_a_table_is_plain_columns_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    """Piped output has no colours and no boxes, and an absent value is an empty cell."""
    write_table(("name", "revision"), [("ai_agents", "0003"), ("items", None)])
    assert capsys.readouterr().out == "name       revision\nai_agents  0003\nitems\n"


def test_a_table_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("name",), [])
    assert capsys.readouterr().out == "name\n"


def test_a_terminal_gets_brackets_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rich, [bold] would be markup."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    write_table(("name",), [("[bold]x",)])
    assert "[bold]x" in capsys.readouterr().out
