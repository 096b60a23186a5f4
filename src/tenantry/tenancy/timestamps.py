"""`CreatedAt` and `Timestamps`: times that the database writes, so that every client and psql agree on them.

`updated_at` is moved by a trigger, not by the ORM: an UPDATE typed into psql moves it as well.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, FetchedValue, Table, event, func
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from tenantry.postgres.objects import Function, Trigger

__all__ = ["UPDATED_AT", "CreatedAt", "Timestamps", "touch_function", "touch_trigger"]

# The mark in `Table.info` of a table whose updated_at a trigger moves.
UPDATED_AT = "tenantry_updated_at"

_FUNCTION = "update_updated_at_column"


class CreatedAt:
    """Mixin: `created_at`, the time at which the row's transaction began."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=900
    )


class Timestamps(CreatedAt):
    """Mixin: `created_at`, and `updated_at` that moves with every UPDATE, from any client."""

    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.now(),
        server_onupdate=FetchedValue(),
        nullable=False,
        sort_order=901,
    )


def touch_function() -> Function:
    """Return the trigger function that moves `updated_at`.

    `clock_timestamp()`, because `now()` stands still within a transaction: two updates in one would leave one time.
    """
    body = "\nBEGIN\n    NEW.updated_at = clock_timestamp();\n    RETURN NEW;\nEND;\n"
    return Function(name=_FUNCTION, body=body, search_path="pg_catalog")


def touch_trigger(table: str, schema: str = "public") -> Trigger:
    """Return the trigger that calls it for every updated row of `table`."""
    return Trigger(name=f"trigger_{table}_updated_at", table=table, function=_FUNCTION, schema=schema)


def _mark_table(mapper: Mapper[Any], model: type[Any]) -> None:
    if issubclass(model, Timestamps) and isinstance(mapper.local_table, Table):
        mapper.local_table.info[UPDATED_AT] = True


event.listen(Mapper, "after_mapper_constructed", _mark_table)
