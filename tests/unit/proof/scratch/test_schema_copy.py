"""A dump is read without psql: its own commands go, and what stands in the schema stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenantry import errors
from tenantry.project import Project
from tenantry.proof.scratch import schema_copy
from tenantry.proof.scratch.schema_copy import find_pg_dump, readable

BODY = "CREATE FUNCTION f() RETURNS text AS $$\n\\restrict mine\n$$;\n"
DUMP = f"--\n\\restrict abc\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\n{BODY}\\unrestrict abc\n"


def test_only_the_commands_of_psql_go() -> None:
    """A line of a function that looks like one is the function's."""
    assert readable(DUMP, 18) == f"--\n\nSET statement_timeout = 0;\nSET transaction_timeout = 0;\n{BODY}\n"


def test_an_older_server_is_not_told_what_it_does_not_know() -> None:
    assert "transaction_timeout" not in readable(DUMP, 16)
    assert "statement_timeout" in readable(DUMP, 16)


def test_a_dump_of_an_older_release_is_left_as_it_is() -> None:
    assert readable(BODY, 18) == BODY


def test_the_nearest_pg_dump_that_is_new_enough_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    programs = [(15, Path("a")), (18, Path("b")), (17, Path("c"))]
    monkeypatch.setattr(schema_copy, "_programs", lambda _project: iter(programs))
    assert find_pg_dump(Project(tmp_path), 16) == Path("c")
    assert find_pg_dump(Project(tmp_path), 15) == Path("a")
    with pytest.raises(errors.BinariesMissing, match="version 19"):
        find_pg_dump(Project(tmp_path), 19)
