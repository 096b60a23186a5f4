"""`op.enable_row_security` and `op.disable_row_security`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import ObjectOp, run_statements
from tenantry.postgres.objects import RowSecurity

__all__ = ["DisableRowSecurityOp", "EnableRowSecurityOp", "SetRowSecurityOp"]


class SetRowSecurityOp(ObjectOp):
    """Sets both row security flags of a table to those of `item`; `previous` are the flags before, for the reverse."""

    positional: ClassVar[tuple[str, ...]] = ("table",)
    item: RowSecurity

    def __init__(self, item: RowSecurity, previous: RowSecurity | None = None) -> None:
        super().__init__(item)
        self.previous = previous

    @staticmethod
    def to(state: RowSecurity, previous: RowSecurity | None) -> SetRowSecurityOp:
        """Return the enable or the disable operation for the state."""
        return (EnableRowSecurityOp if state.enabled else DisableRowSecurityOp)(state, previous)

    def reverse(self) -> MigrateOperation:
        """Return the operation that restores the previous flags."""
        nothing = RowSecurity(self.item.table, self.item.schema, enabled=False, forced=False)
        return self.to(self.previous or nothing, self.item)

    def written(self) -> Iterator[tuple[str, Any]]:
        """Yield the arguments in a script; `forced` is written only if it differs from `enabled`."""
        yield "", self.item.table
        if self.item.forced != self.item.enabled:
            yield "forced", self.item.forced
        if self.item.schema != "public":
            yield "schema", self.item.schema


@Operations.register_operation("enable_row_security")
class EnableRowSecurityOp(SetRowSecurityOp):
    """Enables row security."""

    verb = "enable_row_security"

    @classmethod
    def enable_row_security(
        cls, operations: Operations, table: str, *, forced: bool = True, schema: str = "public"
    ) -> None:
        """Enable row security; with `forced`, it applies to the owner too."""
        operations.invoke(cls(RowSecurity(table, schema, enabled=True, forced=forced)))


@Operations.register_operation("disable_row_security")
class DisableRowSecurityOp(SetRowSecurityOp):
    """Disables row security."""

    verb = "disable_row_security"

    @classmethod
    def disable_row_security(
        cls, operations: Operations, table: str, *, forced: bool = False, schema: str = "public"
    ) -> None:
        """Disable row security; `forced` is the new value of the other flag."""
        operations.invoke(cls(RowSecurity(table, schema, enabled=False, forced=forced)))


@Operations.implementation_for(SetRowSecurityOp)
def _set(operations: Operations, operation: SetRowSecurityOp) -> None:
    run_statements(operations, *operation.item.create())
