"""A column type that is written as PostgreSQL spells it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.types import UserDefinedType

__all__ = ["SQLType"]


class SQLType(UserDefinedType[Any]):
    """A type that SQLAlchemy has no class for, such as `SQLType("ltree")`, by its name in CREATE TABLE."""

    cache_ok = True

    def __init__(self, sql: str) -> None:
        self.sql = sql

    def __repr__(self) -> str:
        """Return the call that makes it, which revisions contain."""
        return f"SQLType({self.sql!r})"

    def get_col_spec(self, **_keywords: Any) -> str:
        """Return the type as CREATE TABLE spells it."""
        return self.sql
