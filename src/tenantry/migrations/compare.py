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

from tenantry.migrations.compare_names import compare_names
from tenantry.migrations.compare_tables import compare_tables
from tenantry.migrations.difference import Difference, operations_between
from tenantry.migrations.operations import (
    AlterEnumOp,
    CreateSerialOp,
    DisableRowSecurityOp,
    DropDomainOp,
    DropEnumOp,
    DropOp,
    DropSerialOp,
)
from tenantry.migrations.unused_types import unused_types, used_types
from tenantry.migrations.used_values import rebuild_used_enums
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Domain,
    Enum,
    Extension,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Sequence,
    Serial,
    Trigger,
)
from tenantry.postgres.tables.found import read_tables
from tenantry.tenancy.sequences import serial_columns
from tenantry.tenancy.sides import Sides, read_sides

__all__ = ["PLUGIN", "compare_objects"]

PLUGIN = "tenantry.objects"


def compare_objects(context: AutogenContext, upgrade: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add the operations for other objects to those that Alembic found for tables."""
    declared: frozenset[DatabaseObject] | None = context.opts.get("tenantry_objects")
    if declared is None or context.connection is None:
        return PriorityDispatchResult.CONTINUE
    schemas = {"public"} | {table.schema or "public" for table in context.sorted_tables}
    metadata = _metadata(context)
    catalog = read_tables(context.connection, sorted(schemas))
    upgrade.ops.extend(compare_names(context, metadata, catalog))
    tables = _tables(context, upgrade, declared)
    owner = context.opts.get("tenantry_owner")
    sides = read_sides(context.connection, metadata, declared, schemas, used_types(catalog))
    names = {item.identity for item in sides.declared}
    unused = unused_types(sides, catalog, upgrade, metadata)
    found = {item for item in sides.found if _is_ours(item, tables, owner, names) or item in unused}
    serials = _serials(upgrade, metadata, sides)
    compare_tables(context, upgrade, catalog, sides.draws, metadata)
    _forget_declarations(upgrade)
    differences = [*serials, *operations_between(found, sides.declared)]
    rebuild_used_enums(differences, metadata, catalog)
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


def _is_ours(
    item: DatabaseObject, tables: set[tuple[str, str]], owner: str | None, declared: set[tuple[str, ...]]
) -> bool:
    if isinstance(item, (HashPartitions, Trigger, Policy, RowSecurity)):
        return (item.schema, item.table) in tables
    if isinstance(item, Enum | Domain):
        return item.identity in declared
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
    Roles, extensions and types (for a column's type) and sequences (for a column's default) come first. Types that no
    column uses any more go last. The reverse order is correct for a downgrade.
    """
    first: list[ops.MigrateOperation] = []
    before: list[ops.MigrateOperation] = []
    after: list[ops.MigrateOperation] = []
    last: list[ops.MigrateOperation] = []
    for difference in differences:
        for operation in difference.operations:
            if isinstance(operation, (DropEnumOp, DropDomainOp)) or _removes_values(operation):
                last.append(operation)
            elif isinstance(difference.item, (Role, Extension, Sequence, Enum, Domain)):
                first.append(operation)
            elif isinstance(operation, (DropOp, DisableRowSecurityOp)):
                before.append(operation)
            else:
                after.append(operation)
    upgrade.ops[:] = [*first, *reversed(before), *upgrade.ops, *after, *reversed(last)]


def _removes_values(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, AlterEnumOp) and not operation.item.has_all_of(operation.previous)


def _register() -> None:
    """Register the comparison with Alembic as the plugin `PLUGIN`, for `autogenerate_plugins`."""
    Plugin(PLUGIN).add_autogenerate_comparator(compare_objects, "autogenerate", priority=DispatchPriority.LAST)


_register()
