"""Tables that the models no longer declare: the order in which they are dropped, and the exact reverse.

Alembic drops them in the order of their names, which fails if a later one refers to an earlier one. And it does not
reflect how a table is partitioned.
"""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import CycleError, TopologicalSorter
from typing import Any

from alembic.operations import ops
from sqlalchemy import Connection, ForeignKeyConstraint

from tenantry.migrations.operations import LeavePartitionsOp
from tenantry.postgres.catalog import read_inherited_references, read_partition_keys
from tenantry.postgres.objects import DatabaseObject, HashPartitions
from tenantry.tenancy.sequences import DEFAULT_SCHEMA

__all__ = ["arrange_dropped_tables"]

_Key = tuple[str, str]


def arrange_dropped_tables(upgrade: ops.UpgradeOps, connection: Connection, found: Iterable[DatabaseObject]) -> None:
    """Put the drops of tables into an order that the server accepts, and complete their reverses."""
    drops = {_key(op): op for op in upgrade.ops if isinstance(op, ops.DropTableOp)}
    if not drops:
        return
    inherited = read_inherited_references(connection)
    keys = read_partition_keys(connection)
    for key, op in drops.items():
        created = op._reverse  # noqa: SLF001  # Alembic has no public name for it
        if created is not None:
            created.columns = [item for item in created.columns if (*key, getattr(item, "name", None)) not in inherited]
        if key in keys:
            op.table_kw["postgresql_partition_by"] = keys[key]
    partitions = [item for item in found if isinstance(item, HashPartitions) and (item.schema, item.table) in drops]
    upgrade.ops[:] = [*map(LeavePartitionsOp, sorted(partitions)), *_in_order(upgrade.ops, drops)]


def _in_order(operations: list[ops.MigrateOperation], drops: dict[_Key, ops.DropTableOp]) -> list[ops.MigrateOperation]:
    """Return the operations with the drops last, each table before those that it refers to."""
    others = [op for op in operations if not isinstance(op, ops.DropTableOp)]
    sorter: TopologicalSorter[_Key] = TopologicalSorter(dict.fromkeys(drops, ()))
    for key, op in drops.items():
        for target in _targets(op):
            if target in drops and target != key:
                sorter.add(target, key)
    try:
        return [*others, *(drops[key] for key in sorter.static_order())]
    except CycleError:
        # Tables that refer to each other cannot be dropped one by one in any order.
        return operations


def _targets(op: ops.DropTableOp) -> Iterable[_Key]:
    for item in op._reverse.columns if op._reverse is not None else ():  # noqa: SLF001
        if isinstance(item, ForeignKeyConstraint):
            tokens: Any = item.elements[0].target_tokens
            yield tokens.schema or DEFAULT_SCHEMA, tokens.table_name


def _key(op: ops.DropTableOp) -> _Key:
    return op.schema or DEFAULT_SCHEMA, op.table_name
