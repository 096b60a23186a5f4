"""`op.create_trigger` and `op.drop_trigger`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from alembic.operations import Operations

from tenantry.migrations.operations.base import CreateOp, DropOp, run_statements
from tenantry.migrations.operations.settled import create_settled
from tenantry.postgres.objects import Trigger

__all__ = ["CreateTriggerOp", "DropTriggerOp"]


@Operations.register_operation("create_trigger")
class CreateTriggerOp(CreateOp):
    """Creates a trigger."""

    verb = "create_trigger"
    positional = ("name", "table")
    item: Trigger

    @classmethod
    def create_trigger(
        cls,
        operations: Operations,
        name: str,
        table: str,
        *,
        function: str,
        timing: Literal["BEFORE", "AFTER", "INSTEAD OF"] = "BEFORE",
        events: Sequence[str] = ("UPDATE",),
        level: Literal["ROW", "STATEMENT"] = "ROW",
        when: str | None = None,
        schema: str = "public",
        arguments: Sequence[str] = (),
        options: str = "",
        state: Literal["ENABLE", "DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"] = "ENABLE",
    ) -> None:
        """Create a trigger. Its function is in the same schema, or in another schema if written `schema.name`."""
        item = Trigger(
            *(name, table, function, timing, tuple(events), level, when, schema, tuple(arguments), options, state)
        )
        operations.invoke(cls(item))


@Operations.register_operation("drop_trigger")
class DropTriggerOp(DropOp):
    """Drops a trigger."""

    verb = "drop_trigger"
    positional = ("name", "table")
    inverse = CreateTriggerOp

    @classmethod
    def drop_trigger(cls, operations: Operations, name: str, table: str, *, schema: str = "public") -> None:
        """Drop a trigger; its function stays."""
        operations.invoke(cls(Trigger(name, table, "", schema=schema)))


CreateTriggerOp.inverse = DropTriggerOp


@Operations.implementation_for(CreateTriggerOp)
def _create(operations: Operations, operation: CreateTriggerOp) -> None:
    if operation.item.when:
        create_settled(operations, operation.item)
    else:
        run_statements(operations, *operation.item.create())
