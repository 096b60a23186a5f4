"""`op.enable_row_security` and `op.disable_row_security`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import ObjectOp, run_statements
from tenantry.postgres.objects import RowSecurity

__all__ = ["DisableRowSecurityOp", "EnableRowSecurityOp", "SetRowSecurityOp"]


class SetRowSecurityOp(ObjectOp):
    """Puts both flags of a table in the state of `item`; `previous` is the state before, for the reverse."""

    positional: ClassVar[tuple[str, ...]] = ("table",)
    item: RowSecurity

    def __init__(self, item: RowSecurity, previous: RowSecurity | None = None) -> None:
        super().__init__(item)
        self.previous = previous

    @staticmethod
    def to(state: RowSecurity, previous: RowSecurity | None) -> SetRowSecurityOp:
        """Return the operation whose name fits the state."""
        return (EnableRowSecurityOp if state.enabled else DisableRowSecurityOp)(state, previous)

    def reverse(self) -> MigrateOperation:
        """Return the operation that puts the flags back as they were."""
        nothing = RowSecurity(self.item.table, self.item.schema, enabled=False, forced=False)
        return self.to(self.previous or nothing, self.item)

    def written(self) -> Iterator[tuple[str, Any]]:
        """Yield what a script has to say: enabled row security is forced, disabled is not, unless it says otherwise."""
        yield "", self.item.table
        if self.item.forced != self.item.enabled:
            yield "forced", self.item.forced
        if self.item.schema != "public":
            yield "schema", self.item.schema


@Operations.register_operation("enable_row_security")
class EnableRowSecurityOp(SetRowSecurityOp):
    """Switches row security on."""

    verb = "enable_row_security"

    @classmethod
    def enable_row_security(
        cls, operations: Operations, table: str, *, forced: bool = True, schema: str = "public"
    ) -> None:
        """Switch row security on; `forced` holds the owner too."""
        operations.invoke(cls(RowSecurity(table, schema, enabled=True, forced=forced)))


@Operations.register_operation("disable_row_security")
class DisableRowSecurityOp(SetRowSecurityOp):
    """Switches row security off."""

    verb = "disable_row_security"

    @classmethod
    def disable_row_security(
        cls, operations: Operations, table: str, *, forced: bool = False, schema: str = "public"
    ) -> None:
        """Switch row security off; `forced` is what the other flag becomes."""
        operations.invoke(cls(RowSecurity(table, schema, enabled=False, forced=forced)))


@Operations.implementation_for(SetRowSecurityOp)
def _set(operations: Operations, operation: SetRowSecurityOp) -> None:
    run_statements(operations, *operation.item.create())
