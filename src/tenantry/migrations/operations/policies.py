"""`op.create_policy` and `op.drop_policy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from alembic.operations import Operations

from tenantry.migrations.operations.base import CreateOp, DropOp, run_statements
from tenantry.migrations.operations.settled import create_settled
from tenantry.postgres.objects import PUBLIC, Policy
from tenantry.tenancy.policy import MAINTENANCE_POLICY, TENANT_POLICY

__all__ = ["CreatePolicyOp", "DropPolicyOp"]


@Operations.register_operation("create_policy")
class CreatePolicyOp(CreateOp):
    """Creates a row security policy."""

    verb = "create_policy"
    positional = ("name", "table")
    item: Policy

    @classmethod
    def create_policy(
        cls,
        operations: Operations,
        name: str,
        table: str,
        *,
        roles: Sequence[str] = (PUBLIC,),
        using: str | None = None,
        check: str | None = None,
        command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL",
        permissive: bool = True,
        schema: str = "public",
    ) -> None:
        """Create a policy."""
        operations.invoke(cls(Policy(name, table, tuple(roles), using, check, command, permissive, schema)))


@Operations.register_operation("drop_policy")
class DropPolicyOp(DropOp):
    """Drops a row security policy."""

    verb = "drop_policy"
    positional = ("name", "table")
    inverse = CreatePolicyOp

    @classmethod
    def drop_policy(cls, operations: Operations, name: str, table: str, *, schema: str = "public") -> None:
        """Drop a policy."""
        operations.invoke(cls(Policy(name, table, (), None, None, schema=schema)))


CreatePolicyOp.inverse = DropPolicyOp


@Operations.implementation_for(CreatePolicyOp)
def _create(operations: Operations, operation: CreatePolicyOp) -> None:
    if operation.item.name in {TENANT_POLICY, MAINTENANCE_POLICY}:
        # Tenantry writes their text as the server prints it.
        run_statements(operations, *operation.item.create())
    else:
        create_settled(operations, operation.item)
