"""`CreatedAt` and `Timestamps`: times that the database writes, so that they are the same for every client.

A trigger sets `updated_at`, not the ORM, so that an UPDATE in psql sets it too. In joined-table inheritance, only the
base has the column. There the ORM also updates the base's row when it changes the child's. An UPDATE of the child's
table in SQL must do so itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, DateTime, FetchedValue, Table, event, func
from sqlalchemy.orm import Mapped, Mapper, declared_attr, mapped_column, object_session

from tenantry import sql
from tenantry.postgres.objects import Function, Trigger

__all__ = ["UPDATED_AT", "CreatedAt", "Timestamps", "touch_function", "touch_trigger"]

# The key in `Table.info` of a table whose updated_at a trigger sets.
UPDATED_AT = "tenantry_updated_at"

_FUNCTION = "update_updated_at_column"
_COLUMN = "updated_at"


class CreatedAt:
    """Mixin: `created_at`, the start time of the transaction that inserted the row."""

    # SQLAlchemy makes each column by a function without an annotation at run time, because a model that is a dataclass
    # accepts no annotated field of a class that is not.
    if TYPE_CHECKING:
        created_at: Mapped[datetime]
    else:
        created_at = declared_attr(
            lambda _model: mapped_column(
                DateTime(timezone=True), server_default=func.now(), nullable=False, sort_order=900
            )
        )


class Timestamps(CreatedAt):
    """Mixin: `created_at`, and `updated_at`, which every UPDATE sets, from any client."""

    if TYPE_CHECKING:
        updated_at: Mapped[datetime]
    else:
        updated_at = declared_attr(
            lambda _model: mapped_column(
                DateTime(timezone=True),
                server_default=func.now(),
                server_onupdate=FetchedValue(),
                nullable=False,
                sort_order=901,
            )
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
    if not issubclass(model, Timestamps) or not isinstance(mapper.local_table, Table):
        return
    if _COLUMN in mapper.local_table.c:
        mapper.local_table.info[UPDATED_AT] = True
    elif not mapper.concrete:
        # The column is in the table of the base class. A trigger here would refuse every UPDATE.
        event.listen(mapper, "before_update", _touch_base)


def _touch_base(_mapper: Mapper[Any], _connection: Connection, row: Any) -> None:
    """Update the base's row of a joined child, although only columns of the child's table change."""
    session = object_session(row)
    if session is not None and session.is_modified(row, include_collections=False):
        row.updated_at = func.clock_timestamp()


event.listen(Mapper, "after_mapper_constructed", _mark_table)
