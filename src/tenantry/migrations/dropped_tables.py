"""The hash partitions of tables that the models no longer declare: a downgrade creates them again with their table."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from alembic.operations import ops

from tenantry.migrations.operations import LeavePartitionsOp
from tenantry.postgres.objects import DatabaseObject, HashPartitions
from tenantry.postgres.tables.compiling import Key

__all__ = ["leave_partitions"]


def leave_partitions(upgrade: ops.UpgradeOps, found: Iterable[DatabaseObject], dropped: Collection[Key]) -> None:
    """Add the operations whose reverses create the partitions of the `dropped` tables."""
    partitions = [item for item in found if isinstance(item, HashPartitions) and (item.schema, item.table) in dropped]
    upgrade.ops[:0] = map(LeavePartitionsOp, sorted(partitions))
