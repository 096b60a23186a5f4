"""`CreatedAt` and `Timestamps`: times that the database writes, so that they are the same for every client.

A trigger sets `updated_at`, not the ORM, so that an UPDATE in psql sets it too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, FetchedValue, Table, event, func
from sqlalchemy.orm import Mapped, Mapper, mapped_column

from tenantry import sql
from tenantry.postgres.objects import Function, Trigger

__all__ = ["UPDATED_AT", "CreatedAt", "Timestamps", "touch_function", "touch_trigger"]

# The key in `Table.info` of a table whose updated_at a trigger sets.
UPDATED_AT = "tenantry_updated_at"

_FUNCTION = "update_updated_at_column"


class CreatedAt:
    """Mixin: `created_at`, the start time of the transaction that inserted the row."""

    created_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=900
    )


class Timestamps(CreatedAt):
    """Mixin: `created_at`, and `updated_at`, which every UPDATE sets, from any client."""

    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.now(),
        server_onupdate=FetchedValue(),
        nullable=False,
        sort_order=901,
    )


def touch_function() -> Function:
    """Return the trigger function that sets `updated_at`.

    It uses `clock_timestamp()`, because `now()` is constant within a transaction, so two updates would set one time.
    """
    body = "\nBEGIN\n    NEW.updated_at = clock_timestamp();\n    RETURN NEW;\nEND;\n"
    return Function(name=_FUNCTION, body=body, search_path="pg_catalog")


def touch_trigger(table: str, schema: str = "public") -> Trigger:
    """Return the trigger that calls the function for every updated row of `table`; all schemas share one function."""
    function = touch_function()
    called = function.name if schema == function.schema else f"{function.schema}.{function.name}"
    return Trigger(name=sql.shortened(f"trigger_{table}_updated_at"), table=table, function=called, schema=schema)


def _mark_table(mapper: Mapper[Any], model: type[Any]) -> None:
    if issubclass(model, Timestamps) and isinstance(mapper.local_table, Table):
        mapper.local_table.info[UPDATED_AT] = True


event.listen(Mapper, "after_mapper_constructed", _mark_table)
