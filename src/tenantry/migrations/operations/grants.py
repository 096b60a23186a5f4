"""`op.grant` and `op.revoke`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from alembic.operations import Operations

from tenantry.migrations.operations.base import CreateOp, DropOp
from tenantry.postgres.objects import Grant

__all__ = ["GrantOp", "RevokeOp"]

Kind = Literal["TABLE", "SEQUENCE", "SCHEMA", "FUNCTION"]


@Operations.register_operation("grant")
class GrantOp(CreateOp):
    """Grants privileges."""

    verb = "grant"
    positional = ("role", "privileges", "name")
    item: Grant

    def follows(self, field: str) -> bool:
        """A schema is in itself."""
        return field == "schema" and self.item.kind == "SCHEMA"

    @classmethod
    def grant(
        cls,
        operations: Operations,
        role: str,
        privileges: Sequence[str],
        name: str,
        *,
        kind: Kind = "TABLE",
        schema: str = "public",
        column: str = "",
        grantable: bool = False,
    ) -> None:
        """Grant privileges by name on an object, or on one column of a table."""
        operations.invoke(cls(Grant(role, tuple(privileges), name, kind, schema, column, grantable)))


@Operations.register_operation("revoke")
class RevokeOp(DropOp):
    """Revokes privileges."""

    verb = "revoke"
    positional = ("role", "privileges", "name")
    keywords: ClassVar[tuple[str, ...] | None] = ("kind", "schema", "column")
    inverse = GrantOp
    item: Grant

    def follows(self, field: str) -> bool:
        """A schema is in itself."""
        return field == "schema" and self.item.kind == "SCHEMA"

    @classmethod
    def revoke(
        cls,
        operations: Operations,
        role: str,
        privileges: Sequence[str],
        name: str,
        *,
        kind: Kind = "TABLE",
        schema: str = "public",
        column: str = "",
    ) -> None:
        """Revoke privileges by name, and their grant option."""
        operations.invoke(cls(Grant(role, tuple(privileges), name, kind, schema, column)))


GrantOp.inverse = RevokeOp
