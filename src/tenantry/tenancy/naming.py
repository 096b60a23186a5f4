"""The names of indexes and constraints, which SQLAlchemy makes of the names of tables and columns.

All of them are explicit, so that a downgrade can drop them by name (Alembic, "The Importance of Naming Constraints").
None is longer than PostgreSQL allows. SQLAlchemy counts characters, and PostgreSQL bytes, so names are shortened here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    UniqueConstraint,
)

from tenantry.sql import shortened

__all__ = ["complete_convention"]

_CONVENTION: Mapping[str, tuple[type[Any], str]] = {
    "ix": (Index, "ix_%(table_name)s_%(column_0_N_name)s"),
    "uq": (UniqueConstraint, "uq_%(table_name)s_%(column_0_N_name)s"),
    "ck": (CheckConstraint, "ck_%(table_name)s_%(constraint_name)s"),
    "fk": (ForeignKeyConstraint, "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s"),
    "pk": (PrimaryKeyConstraint, "pk_%(table_name)s"),
}

# The convention of a MetaData without one of its own.
_DEFAULT = MetaData().naming_convention


class _Shortening(str):
    """A convention whose names are shortened."""

    __slots__ = ()

    def __mod__(self, values: Any) -> str:
        """Return the name, as SQLAlchemy makes it."""
        return shortened(super().__mod__(values))


def complete_convention(metadata: MetaData) -> None:
    """Add the missing conventions to a service's metadata, and shorten the names of all."""
    own = {} if metadata.naming_convention == _DEFAULT else dict(metadata.naming_convention)
    for prefix, (kind, convention) in _CONVENTION.items():
        # A convention may be declared by the class instead of by the prefix.
        if prefix not in own and kind not in own:
            own[prefix] = convention
    completed = {key: _Shortening(value) if isinstance(value, str) else value for key, value in own.items()}
    metadata.naming_convention = completed  # type: ignore[assignment]
