"""Statements reach the database as they are written."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects.postgresql import asyncpg

from tenantry.migrations.operations.base import statement


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 'a'::text",
        "SELECT ':name', ' :b', 1 :c",
        "x := y; 'at 12:30'",
        r"SELECT E'\:x', '\\:y', \::z",
        "SELECT '100 %', '%s', '%(a)s'",
        "SELECT ARRAY[1,2][1:2]",
    ],
)
def test_no_colon_or_percent_sign_is_a_parameter(text: str) -> None:
    assert str(statement(text).compile(dialect=asyncpg.dialect())) == text  # type: ignore[no-untyped-call]
