from __future__ import annotations

import asyncpg
from sqlalchemy.exc import IntegrityError

from tenantry import errors
from tenantry.postgres.sqlstate import chain_of, constraint_of, sqlstate_of


def violation() -> asyncpg.UniqueViolationError:
    error = asyncpg.UniqueViolationError("duplicate key")
    error.constraint_name = "item_key"
    return error


def test_codes_are_found_beneath_every_wrapping() -> None:
    """SQLAlchemy keeps the driver's error in `orig`, the adapter and our own errors as their cause."""
    adapted = Exception("adapted")
    adapted.__cause__ = violation()
    wrapped = IntegrityError("INSERT", {}, adapted)
    ours = errors.DatabaseUnavailable("x")
    ours.__cause__ = wrapped
    assert [(sqlstate_of(error), constraint_of(error)) for error in (violation(), adapted, wrapped, ours)] == [
        ("23505", "item_key")
    ] * 4


def test_an_error_of_another_kind_has_no_codes() -> None:
    assert sqlstate_of(ValueError("23505")) is None
    assert constraint_of(None) is None


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("1"), ValueError("2")
    first.__cause__, second.__cause__ = second, first
    assert list(chain_of(first)) == [first, second]
