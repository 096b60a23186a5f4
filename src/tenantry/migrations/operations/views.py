"""`op.create_view` and `op.drop_view`."""

from __future__ import annotations

from collections.abc import Sequence

from alembic.operations import Operations

from tenantry.migrations.operations.base import CreateOp, DropOp
from tenantry.migrations.operations.settled import create_settled
from tenantry.postgres.objects import View

__all__ = ["CreateViewOp", "DropViewOp"]


@Operations.register_operation("create_view")
class CreateViewOp(CreateOp):
    """Creates a view."""

    verb = "create_view"
    positional = ("name",)
    item: View

    @classmethod
    def create_view(
        cls,
        operations: Operations,
        name: str,
        *,
        query: str,
        security_invoker: bool = True,
        schema: str = "public",
        options: Sequence[str] = (),
    ) -> None:
        """Create a view, by default with the rights of its caller."""
        operations.invoke(cls(View(name, query, security_invoker, schema, tuple(options))))


@Operations.register_operation("drop_view")
class DropViewOp(DropOp):
    """Drops a view."""

    verb = "drop_view"
    positional = ("name",)
    inverse = CreateViewOp

    @classmethod
    def drop_view(cls, operations: Operations, name: str, *, schema: str = "public") -> None:
        """Drop a view, with the privileges on it."""
        operations.invoke(cls(View(name, "", schema=schema)))


CreateViewOp.inverse = DropViewOp


@Operations.implementation_for(CreateViewOp)
def _create(operations: Operations, operation: CreateViewOp) -> None:
    create_settled(operations, operation.item)
