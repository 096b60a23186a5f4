"""`op.create_function` and `op.drop_function`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from alembic.operations import MigrateOperation, Operations

from tenantry.migrations.operations.base import CreateOp, DropOp
from tenantry.postgres.objects import DatabaseObject, Function

__all__ = ["CreateFunctionOp", "DropFunctionOp"]


@Operations.register_operation("create_function")
class CreateFunctionOp(CreateOp):
    """Creates a function, or replaces the function `previous`.

    A replacement keeps the triggers and policies that depend on the function; a drop would fail because of them.
    """

    verb = "create_function"
    positional = ("name",)

    def __init__(self, item: DatabaseObject, previous: DatabaseObject | None = None) -> None:
        super().__init__(item)
        self.previous = previous

    def reverse(self) -> MigrateOperation:
        """Return the operation that drops the function, or restores the previous one."""
        return super().reverse() if self.previous is None else CreateFunctionOp(self.previous, self.item)

    @classmethod
    def create_function(
        cls,
        operations: Operations,
        name: str,
        *,
        body: str,
        returns: str = "trigger",
        arguments: str = "",
        language: str = "plpgsql",
        volatility: Literal["IMMUTABLE", "STABLE", "VOLATILE"] = "VOLATILE",
        security_definer: bool = False,
        search_path: str | None = None,
        execute: Sequence[str] = (),
        schema: str = "public",
        options: Sequence[str] = (),
    ) -> None:
        """Create or replace a function; only the roles in `execute` may call it, not PUBLIC."""
        item = Function(
            *(name, body, returns, arguments, language, volatility, security_definer, search_path),
            execute=tuple(execute),
            schema=schema,
            options=tuple(options),
        )
        operations.invoke(cls(item))


@Operations.register_operation("drop_function")
class DropFunctionOp(DropOp):
    """Drops a function."""

    verb = "drop_function"
    positional = ("name",)
    keywords = ("arguments", "schema")
    inverse = CreateFunctionOp

    @classmethod
    def drop_function(cls, operations: Operations, name: str, *, arguments: str = "", schema: str = "public") -> None:
        """Drop a function; pass the `arguments` with which it was created."""
        operations.invoke(cls(Function(name, "", arguments=arguments, schema=schema)))


CreateFunctionOp.inverse = DropFunctionOp
