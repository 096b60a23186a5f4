"""The comparison of declared objects with the catalog, for `alembic check` and `revision --autogenerate`.

It creates missing objects, replaces altered objects, and drops undeclared ones: an undeclared policy, trigger, function
or privilege may weaken isolation. It never drops roles, extensions and sequences, because other programs may use them,
and a sequence has its last value. Every operation has its exact reverse.

The environment passes the declared objects as `tenantry_objects` and the owner's name as `tenantry_owner` (see
`EnvironmentContext.configure`). Without them, nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import MetaData

from tenantry.migrations.difference import Difference, operations_between
from tenantry.migrations.dropped_tables import arrange_dropped_tables
from tenantry.migrations.operations import (
    CreateHashPartitionsOp,
    CreateSerialOp,
    DisableRowSecurityOp,
    DropOp,
    DropSchemaOp,
    DropSerialOp,
)
from tenantry.postgres.catalog import read_created_schemas
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Extension,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Schema,
    Sequence,
    Serial,
    Trigger,
)
from tenantry.tenancy.declared_and_found import Sides, read_sides
from tenantry.tenancy.sequences import serial_columns

__all__ = ["PLUGIN", "compare_objects"]

PLUGIN = "tenantry.objects"


def compare_objects(context: AutogenContext, upgrade: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add the operations for other objects to those that Alembic found for tables."""
    declared: frozenset[DatabaseObject] | None = context.opts.get("tenantry_objects")
    if declared is None or context.connection is None:
        return PriorityDispatchResult.CONTINUE
    schemas = {"public", *read_created_schemas(context.connection)}
    schemas |= {table.schema or "public" for table in context.sorted_tables}
    tables = _tables(context, upgrade, declared)
    _forget_declarations(upgrade)
    owner = context.opts.get("tenantry_owner")
    sides = read_sides(context.connection, _metadata(context), declared, schemas)
    arrange_dropped_tables(upgrade, context.connection, sides.found)
    found = {item for item in sides.found if _is_ours(item, tables, owner)}
    serials = _serials(upgrade, _metadata(context), sides)
    differences = [*serials, *operations_between(found, sides.declared)]
    _mark_partitions(upgrade, differences)
    _insert(upgrade, differences)
    return PriorityDispatchResult.CONTINUE


def _tables(
    context: AutogenContext, upgrade: ops.UpgradeOps, declared: Iterable[DatabaseObject]
) -> set[tuple[str, str]]:
    """Return the models' tables and partitions, and the tables that this revision drops. Others are not compared."""
    ours = {(table.schema or "public", table.name) for table in context.sorted_tables}
    ours |= {(item.schema, name) for item in declared if isinstance(item, HashPartitions) for name in item.partitions}
    return ours | {(op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.DropTableOp)}


def _metadata(context: AutogenContext) -> MetaData:
    metadata = context.metadata
    assert isinstance(metadata, MetaData)
    return metadata


def _serials(upgrade: ops.UpgradeOps, metadata: MetaData, sides: Sides) -> Iterator[Difference]:
    """Yield added and dropped serial columns of existing tables, for which Alembic writes no operation.

    In a new table, CREATE TABLE creates the sequence.
    """
    created = {(op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.CreateTableOp)}
    for key, serial in serial_columns(metadata).items():
        if key[:2] not in created and key not in sides.draws:
            yield Difference(serial, (CreateSerialOp(serial),))
    sizes = {(item.schema, item.name): item.data_type for item in sides.found if isinstance(item, Sequence)}
    for changes in upgrade.ops:
        for op in changes.ops if isinstance(changes, ops.ModifyTableOps) else ():
            if isinstance(op, ops.DropColumnOp):
                drawn = sides.draws.get((op.schema or "public", op.table_name, op.column_name))
                if drawn is not None and drawn.is_owned:
                    size = sizes[drawn.schema, drawn.name]
                    serial = Serial(op.table_name, op.column_name, drawn.name, size, drawn.schema)
                    yield Difference(serial, (DropSerialOp(serial),))


def _forget_declarations(upgrade: ops.UpgradeOps) -> None:
    """Remove `Table.info` from operations, so that it is not written into revision files."""
    for operation in upgrade.ops:
        if isinstance(operation, ops.CreateTableOp):
            operation.info = {}


def _mark_partitions(upgrade: ops.UpgradeOps, differences: Iterable[Difference]) -> None:
    """Mark the partitions of new tables, which a downgrade drops with their tables."""
    created = {(op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.CreateTableOp)}
    for difference in differences:
        for operation in difference.operations:
            if isinstance(operation, CreateHashPartitionsOp):
                operation.is_of_new_table = (operation.item.schema, operation.item.table) in created


def _is_ours(item: DatabaseObject, tables: set[tuple[str, str]], owner: str | None) -> bool:
    if isinstance(item, (HashPartitions, Trigger, Policy, RowSecurity)):
        return (item.schema, item.table) in tables
    if isinstance(item, Grant):
        if item.role == owner:
            return False
        if item.kind == "TABLE":
            return (item.schema, item.name) in tables
        # Every new database has this grant.
        return item != Grant(PUBLIC, ("USAGE",), "public", kind="SCHEMA")
    return True


def _insert(upgrade: ops.UpgradeOps, differences: Iterable[Difference]) -> None:
    """Insert the operations before and after those on tables.

    Order matters: drops come before the changes of tables and columns that they depend on, and creations come after.
    Roles, schemas, extensions (for a column's type) and sequences (for a column's default) come first. A schema is
    dropped last. The reverse order is correct for a downgrade.
    """
    first: list[ops.MigrateOperation] = []
    before: list[ops.MigrateOperation] = []
    after: list[ops.MigrateOperation] = []
    last: list[ops.MigrateOperation] = []
    for difference in differences:
        for operation in difference.operations:
            if isinstance(operation, DropSchemaOp):
                last.append(operation)
            elif isinstance(difference.item, (Role, Schema, Extension, Sequence)):
                first.append(operation)
            elif isinstance(operation, (DropOp, DisableRowSecurityOp)):
                before.append(operation)
            else:
                after.append(operation)
    upgrade.ops[:] = [*first, *reversed(before), *upgrade.ops, *after, *last]


def _register() -> None:
    """Register the comparison with Alembic as the plugin `PLUGIN`, for `autogenerate_plugins`."""
    Plugin(PLUGIN).add_autogenerate_comparator(compare_objects, "autogenerate", priority=DispatchPriority.LAST)


_register()
