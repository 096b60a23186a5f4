"""What `alembic check` and `revision --autogenerate` find besides tables: the declared set against the catalog.

Missing objects are created, altered ones replaced, and what nobody declares is dropped: a policy, a trigger, a function
or a privilege that a model does not know is a hole or a leftover. Roles and extensions are never dropped, for others
may use them. Every operation knows its exact reverse.

The environment gives the declared set as `tenantry_objects` and the owner's name as `tenantry_owner` (see
`EnvironmentContext.configure`); without them nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterable

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult

from tenantry.migrations.difference import Difference, operations_between
from tenantry.migrations.operations import DisableRowSecurityOp, DropOp
from tenantry.postgres.catalog import read_objects
from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
    Extension,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Trigger,
)

__all__ = ["PLUGIN", "compare_objects"]

PLUGIN = "tenantry.objects"


def compare_objects(context: AutogenContext, upgrade: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add to what Alembic found in the tables what differs besides."""
    declared: frozenset[DatabaseObject] | None = context.opts.get("tenantry_objects")
    if declared is None or context.connection is None:
        return PriorityDispatchResult.CONTINUE
    schemas = {"public"} | {table.schema or "public" for table in context.sorted_tables}
    tables = _tables(context, upgrade, declared)
    _forget_declarations(upgrade)
    owner = context.opts.get("tenantry_owner")
    found = {
        item for schema in schemas for item in read_objects(context.connection, schema) if _is_ours(item, tables, owner)
    }
    _insert(upgrade, operations_between(found, declared))
    return PriorityDispatchResult.CONTINUE


def _tables(
    context: AutogenContext, upgrade: ops.UpgradeOps, declared: Iterable[DatabaseObject]
) -> set[tuple[str, str]]:
    """Return the tables and partitions of the models, and tables that this revision drops; others are not ours."""
    ours = {(table.schema or "public", table.name) for table in context.sorted_tables}
    ours |= {(item.schema, name) for item in declared if isinstance(item, HashPartitions) for name in item.partitions}
    return ours | {(op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.DropTableOp)}


def _forget_declarations(upgrade: ops.UpgradeOps) -> None:
    """Keep what a model says to Python, in `Table.info`, out of revision files: it never reaches the database."""
    for operation in upgrade.ops:
        if isinstance(operation, ops.CreateTableOp):
            operation.info = {}


def _is_ours(item: DatabaseObject, tables: set[tuple[str, str]], owner: str | None) -> bool:
    if isinstance(item, (HashPartitions, Trigger, Policy, RowSecurity)):
        return (item.schema, item.table) in tables
    if isinstance(item, Grant):
        if item.role == owner:
            return False
        if item.kind == "TABLE":
            return (item.schema, item.name) in tables
        # Every database is made with this one.
        return item != Grant(PUBLIC, ("USAGE",), "public", kind="SCHEMA")
    return True


def _insert(upgrade: ops.UpgradeOps, differences: Iterable[Difference]) -> None:
    """Put the operations round those on tables.

    Order matters: what is dropped goes before a table or a column that it depends on is changed, what is created comes
    after, and roles and extensions (a column's type may need one) come first of all. Reversed, that is the right order
    of a downgrade.
    """
    first: list[ops.MigrateOperation] = []
    before: list[ops.MigrateOperation] = []
    after: list[ops.MigrateOperation] = []
    for difference in differences:
        for operation in difference.operations:
            if isinstance(difference.item, (Role, Extension)):
                first.append(operation)
            elif isinstance(operation, (DropOp, DisableRowSecurityOp)):
                before.append(operation)
            else:
                after.append(operation)
    upgrade.ops[:] = [*first, *reversed(before), *upgrade.ops, *after]


def _register() -> None:
    """Make the comparison known to Alembic under `PLUGIN`, for `autogenerate_plugins`."""
    Plugin(PLUGIN).add_autogenerate_comparator(compare_objects, "autogenerate", priority=DispatchPriority.LAST)


_register()
