from __future__ import annotations

import pytest

from tenantry.postgres.clauses import arguments_of, event, grantee, search_path


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a text", ["a text"]),
        ("a text, b integer", ["a text", "b integer"]),
        ("a numeric(10,2), b text", ["a numeric(10,2)", "b text"]),
        ("a text DEFAULT 'x, y'::text, b integer[]", ["a text DEFAULT 'x, y'::text", "b integer[]"]),
        ("a text DEFAULT 'it''s, so'::text, b text", ["a text DEFAULT 'it''s, so'::text", "b text"]),
        ('"a, b" text, c text', ['"a, b" text', "c text"]),
        ("a integer[] DEFAULT ARRAY[1, 2], b text", ["a integer[] DEFAULT ARRAY[1, 2]", "b text"]),
    ],
)
def test_arguments_are_cut_at_commas_outside_of_brackets_and_quotes(text: str, parts: list[str]) -> None:
    assert list(arguments_of(text)) == parts


def test_public_is_a_keyword_and_no_name() -> None:
    assert (grantee("public"), grantee("app")) == ("PUBLIC", '"app"')


def test_a_search_path_is_made_of_names() -> None:
    """An empty path finds only what is written in full, and is not the same as none."""
    assert search_path("pg_catalog, pg_temp") == '"pg_catalog", "pg_temp"'
    assert search_path('"My Schema"') == '"My Schema"'
    assert search_path("") == "''"


def test_columns_of_an_event_are_quoted() -> None:
    assert event("UPDATE OF a, b") == 'UPDATE OF "a", "b"'
