"""`op.create_hash_partitions` and `op.drop_hash_partitions`."""

from __future__ import annotations

from typing import ClassVar

from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import ModifyTableOps

from tenantry.migrations.operations.base import CreateOp, DropOp, run_statements
from tenantry.postgres.objects import DatabaseObject, HashPartitions
from tenantry.tenancy.partitions import protection_of

__all__ = ["CreateHashPartitionsOp", "DropHashPartitionsOp", "LeavePartitionsOp"]


@Operations.register_operation("create_hash_partitions")
class CreateHashPartitionsOp(CreateOp):
    """Creates the partitions of a table, each with its own row security."""

    verb = "create_hash_partitions"
    positional = ("table", "count")
    keywords: ClassVar[tuple[str, ...] | None] = ("schema",)
    item: HashPartitions

    def __init__(self, item: DatabaseObject, *, is_of_new_table: bool = False) -> None:
        super().__init__(item)
        self.is_of_new_table = is_of_new_table

    def reverse(self) -> MigrateOperation:
        """Return the operation that drops the partitions, or that leaves them to the drop of the table.

        A partition cannot be dropped before the references of other tables to it, and these go with their tables.
        """
        return LeavePartitionsOp(self.item) if self.is_of_new_table else super().reverse()

    @classmethod
    def create_hash_partitions(cls, operations: Operations, table: str, count: int, *, schema: str = "public") -> None:
        """Create the partitions of a table. Row security is forced on each, and no role gets a privilege on it."""
        operations.invoke(cls(HashPartitions(table, count, schema)))


@Operations.register_operation("drop_hash_partitions")
class DropHashPartitionsOp(DropOp):
    """Drops the partitions of a table, with the rows in them."""

    verb = "drop_hash_partitions"
    positional = ("table", "count")
    inverse = CreateHashPartitionsOp

    @classmethod
    def drop_hash_partitions(cls, operations: Operations, table: str, count: int, *, schema: str = "public") -> None:
        """Drop the partitions of a table with their rows. To drop the table itself drops them too."""
        operations.invoke(cls(HashPartitions(table, count, schema)))


CreateHashPartitionsOp.inverse = DropHashPartitionsOp


class LeavePartitionsOp(ModifyTableOps):
    """Does nothing, because the drop of a table drops its partitions. Its reverse creates them."""

    def __init__(self, item: HashPartitions) -> None:
        super().__init__(item.table, [], schema=item.schema)
        self.item = item

    def reverse(self) -> CreateHashPartitionsOp:  # type: ignore[override]
        """Return the operation that creates the partitions."""
        return CreateHashPartitionsOp(self.item, is_of_new_table=True)


@Operations.implementation_for(CreateHashPartitionsOp)
def _create(operations: Operations, operation: CreateHashPartitionsOp) -> None:
    owner: str = operations.migration_context.opts["tenantry_owner"]
    for item in (operation.item, *protection_of(operation.item, owner)):
        run_statements(operations, *item.create())
