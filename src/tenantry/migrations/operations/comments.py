"""`op.set_comment`."""

from __future__ import annotations

from typing import Literal

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import ObjectOp, run_statements
from tenantry.postgres.objects import Comment

__all__ = ["SetCommentOp"]


@Operations.register_operation("set_comment")
class SetCommentOp(ObjectOp):
    """Sets the comment on an object, or removes it; `previous` is the comment before, for the reverse."""

    verb = "set_comment"
    positional = ("kind", "name", "text")
    item: Comment

    def __init__(self, item: Comment, previous: str = "") -> None:
        super().__init__(item)
        self.previous = previous

    def reverse(self) -> MigrateOperation:
        """Return the operation that restores the previous comment."""
        item = self.item
        return SetCommentOp(Comment(item.kind, item.name, self.previous, item.table, item.schema), item.text)

    def follows(self, field: str) -> bool:
        """A schema is in itself."""
        return field == "schema" and self.item.kind == "SCHEMA"

    @classmethod
    def set_comment(
        cls,
        operations: Operations,
        kind: Literal["FUNCTION", "MATERIALIZED VIEW", "POLICY", "SCHEMA", "SEQUENCE", "TRIGGER", "VIEW"],
        name: str,
        text: str,
        *,
        table: str = "",
        schema: str = "public",
    ) -> None:
        """Set the comment on an object; an empty text removes it."""
        operations.invoke(cls(Comment(kind, name, text, table, schema)))


@Operations.implementation_for(SetCommentOp)
def _set(operations: Operations, operation: SetCommentOp) -> None:
    run_statements(operations, *operation.item.create())
