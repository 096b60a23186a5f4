from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenantry.postgres.embedded.state import State

FACTS = {"supervisor": 1, "postmaster": 2, "socket_folder": "/tmp/x", "version": "18.4", "durable": True}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps(FACTS), encoding="utf-8")
    assert State.read(file) == State(1, 2, Path("/tmp/x"), "18.4", durable=True)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', json.dumps({**FACTS, "postmaster": None}), "{}"])
def test_what_is_no_state_counts_as_none(tmp_path: Path, text: str) -> None:
    """A file that somebody damaged must not keep the server from its next start."""
    file = tmp_path / "state.json"
    file.write_text(text, encoding="utf-8")
    assert State.read(file) is None


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert State.read(tmp_path / "state.json") is None
