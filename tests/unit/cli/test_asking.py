"""The questions of `tenantry revision` on a terminal."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tenantry.cli.asking import TerminalAsker
from tenantry.migrations.renames import Rename


@pytest.mark.parametrize(("answer", "is_renamed"), [("y", True), ("n", False), ("", False)])
def test_a_rename_is_asked_about_on_stderr(answer: str, *, is_renamed: bool) -> None:
    """Without an answer it is no rename, because a wrong rename would mix two columns."""
    with CliRunner().isolation(input=f"{answer}\n") as (out, err, _):
        assert TerminalAsker().is_renamed(Rename("title", "name", "books")) is is_renamed
        assert b"Was column books.title renamed to name? [y/N]" in err.getvalue()
        assert out.getvalue() == b""


@pytest.mark.parametrize(("answer", "value"), [("'new'", "'new'"), ("", None), ("  ", None)])
def test_a_value_is_asked_for(answer: str, value: str | None) -> None:
    with CliRunner().isolation(input=f"{answer}\n") as (_, err, _unused):
        assert TerminalAsker().value_for("books.state", "VARCHAR(9)") == value
        assert b"books.state becomes NOT NULL and has no default." in err.getvalue()
