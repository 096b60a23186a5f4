"""The comparison of declared objects with the catalog, for `alembic check` and `revision --autogenerate`.

It creates missing objects, replaces altered objects, and drops what Tenantry made for a declaration that is gone. Other
objects that no declaration mentions are left alone and named (`undeclared`). It never drops roles, extensions and
sequences, because other programs may use them, and a sequence has its last value. Every operation has its exact
reverse.

The environment passes the declared objects as `tenantry_objects`, the owner's name as `tenantry_owner` and `Options` as
`tenantry_options` (see `EnvironmentContext.configure`). Without objects, nothing is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.plugins import Plugin
from alembic.util import CommandError, DispatchPriority, PriorityDispatchResult
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from tenantry.migrations.compare_names import compare_names
from tenantry.migrations.compare_tables import compare_tables
from tenantry.migrations.difference import Difference, operations_between
from tenantry.migrations.operations import (
    AlterEnumOp,
    CreateFunctionOp,
    CreateHashPartitionsOp,
    CreateSerialOp,
    DisableRowSecurityOp,
    DropDomainOp,
    DropEnumOp,
    DropOp,
    DropSchemaOp,
    DropSerialOp,
    LeavePartitionsOp,
    SetCommentOp,
)
from tenantry.migrations.undeclared import Ownership, TableKey, leave_other_tables, name_of, partitions_left
from tenantry.migrations.unused_types import unused_types, used_types
from tenantry.migrations.used_values import rebuild_used_enums
from tenantry.migrations.waivers import accept_found, drop_accepted
from tenantry.postgres.catalog import read_created_schemas
from tenantry.postgres.dependencies import mentions, text_of
from tenantry.postgres.objects import (
    DatabaseObject,
    Domain,
    Enum,
    Extension,
    Function,
    HashPartitions,
    Policy,
    Role,
    Schema,
    Sequence,
    Serial,
    Trigger,
    View,
)
from tenantry.postgres.roles import Roles
from tenantry.postgres.tables.found import read_tables
from tenantry.tenancy.declared_and_found import Sides, read_sides
from tenantry.tenancy.sequences import serial_columns

__all__ = ["PLUGIN", "Options", "compare_objects"]

PLUGIN = "tenantry.objects"

_DIALECT = asyncpg.dialect()  # type: ignore[no-untyped-call]


_BEFORE_TABLES = (Role, Schema, Extension, Sequence, Enum, Domain)


@dataclass(frozen=True)
class Options:
    """What a service's environment tells the comparison, and what the comparison tells it.

    Attributes:
        roles: the service's roles.
        own: the objects that the team declares besides its models.
        created: returns the tables that the revisions create.
        accepted: the objects that may differ from their declaration.
        requested: the undeclared objects that this revision drops.
        left_alone: the undeclared objects that the comparison found and left alone.
    """

    roles: Roles | None = None
    own: Collection[DatabaseObject] = ()
    created: Callable[[], AbstractSet[TableKey]] = frozenset
    accepted: AbstractSet[str] = frozenset()
    requested: AbstractSet[str] = frozenset()
    left_alone: list[str] = field(default_factory=list)


def compare_objects(context: AutogenContext, upgrade: ops.UpgradeOps) -> PriorityDispatchResult:
    """Add the operations for other objects to those that Alembic found for tables."""
    declared: frozenset[DatabaseObject] | None = context.opts.get("tenantry_objects")
    if declared is None or context.connection is None:
        return PriorityDispatchResult.CONTINUE
    schemas = {"public", *read_created_schemas(context.connection)}
    schemas |= {table.schema or "public" for table in context.sorted_tables}
    metadata = _metadata(context)
    catalog = read_tables(context.connection, sorted(schemas))
    upgrade.ops.extend(compare_names(context, metadata, catalog))
    options: Options = context.opts.get("tenantry_options") or Options()
    sides = read_sides(context.connection, metadata, declared, schemas, options.own, used_types(catalog))
    # A text that the owner may not compare is a difference.
    spelled = frozenset(sides.authored[item.identity] if item in sides.unknown else item for item in sides.declared)
    accepted = accept_found(spelled, sides.found, options.accepted)
    tables = _tables(context, declared)
    ownership = Ownership(
        options.roles, tables, accepted, sides.found, options.requested, _other_sequences(sides, tables)
    )
    others = _leave_other_tables(upgrade, ownership, options)
    ownership = replace(
        ownership, dropped=_dropped(upgrade), unused_types=unused_types(sides, catalog, upgrade, metadata)
    )
    compare_tables(context, upgrade, catalog, sides.draws, metadata)
    drop_accepted(upgrade, options.accepted)
    upgrade.ops[:0] = map(LeavePartitionsOp, sorted(_partitions_of_dropped(upgrade, sides)))
    _forget_declarations(upgrade)
    kept = frozenset(ownership.kept())
    recreated = {item.identity for item in accepted if any(_uses(item, *change) for change in _changes(upgrade))}
    serials = _serials(upgrade, metadata, sides)
    differences = [*serials, *operations_between(sides.found, accepted | kept, recreated, sides.authored)]
    rebuild_used_enums(differences, metadata, catalog)
    _mark_partitions(upgrade, differences)
    _insert(upgrade, differences, _ddl(metadata))
    drawn = {(drawn.schema, drawn.name) for drawn in sides.draws.values()}
    noted = [name for name in ownership.noted(kept, drawn) if name not in options.accepted]
    options.left_alone.extend([*others, *partitions_left(context.connection, schemas, ownership.tables), *noted])
    _check_requested(options, {*map(name_of, sides.found), *(f"table {'.'.join(key)}" for key in _dropped(upgrade))})
    return PriorityDispatchResult.CONTINUE


def _tables(context: AutogenContext, declared: Iterable[DatabaseObject]) -> frozenset[TableKey]:
    """Return the models' tables and their declared partitions."""
    ours = {(table.schema or "public", table.name) for table in context.sorted_tables}
    ours |= {(item.schema, name) for item in declared if isinstance(item, HashPartitions) for name in item.partitions}
    return frozenset(ours)


def _other_sequences(sides: Sides, tables: AbstractSet[TableKey]) -> frozenset[TableKey]:
    """Return the sequences that are neither declared nor used by a column of a declared table."""
    drawn = {(drawn.schema, drawn.name) for key, drawn in sides.draws.items() if key[:2] in tables}
    declared = {(item.schema, item.name) for item in sides.declared if isinstance(item, Sequence)}
    found = {(item.schema, item.name) for item in sides.found if isinstance(item, Sequence)}
    return frozenset(found - drawn - declared)


def _dropped(upgrade: ops.UpgradeOps) -> frozenset[TableKey]:
    return frozenset((op.schema or "public", op.table_name) for op in upgrade.ops if isinstance(op, ops.DropTableOp))


def _partitions_of_dropped(upgrade: ops.UpgradeOps, sides: Sides) -> Iterator[HashPartitions]:
    dropped = _dropped(upgrade)
    yield from (
        item for item in sides.found if isinstance(item, HashPartitions) and (item.schema, item.table) in dropped
    )


def _leave_other_tables(upgrade: ops.UpgradeOps, ownership: Ownership, options: Options) -> list[str]:
    """Keep only the drops of former models' tables, and of those that `--drop` names; return the other tables' names.

    A former model's table was created by a revision, and has Tenantry's policies or the admin role's privileges.
    """
    created = options.created() if _dropped(upgrade) else frozenset()
    dropped = {
        table
        for table in _dropped(upgrade)
        if (table in created and ownership.was_a_models(table)) or f"table {'.'.join(table)}" in options.requested
    }
    names = [f"table {'.'.join(table)}" for table in leave_other_tables(upgrade, dropped)]
    return [name for name in names if name not in options.accepted]


def _check_requested(options: Options, existing: AbstractSet[str]) -> None:
    unknown = sorted(options.requested - existing)
    if unknown:
        raise CommandError(f"--drop names {unknown[0]!r}, which is no undeclared object of the database")


def _changes(upgrade: ops.UpgradeOps) -> Iterator[tuple[TableKey, str]]:
    """Yield the existing columns that are dropped or get another type: PostgreSQL refuses while an object uses them."""
    for changes in upgrade.ops:
        for op in changes.ops if isinstance(changes, ops.ModifyTableOps) else ():
            is_retyped = isinstance(op, ops.AlterColumnOp) and op.modify_type is not None
            if isinstance(op, ops.DropColumnOp) or is_retyped:
                yield (op.schema or "public", op.table_name), op.column_name  # type: ignore[attr-defined]


def _uses(item: DatabaseObject, table: TableKey, column: str) -> bool:
    if isinstance(item, Policy | Trigger) and (item.schema, item.table) != table:
        return False
    if isinstance(item, View) and not mentions(item.query, table[1]):
        return False
    return isinstance(item, Policy | Trigger | View) and mentions(text_of(item), column)


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


def _ddl(metadata: MetaData) -> str:
    """Return the SQL that creates the tables and indexes; it names the functions that must exist before them."""
    texts = []
    for table in metadata.tables.values():
        elements: list[CreateTable | CreateIndex] = [CreateTable(table), *map(CreateIndex, table.indexes)]
        for element in elements:
            try:
                texts.append(str(element.compile(dialect=_DIALECT)))
            except SQLAlchemyError:
                # Alembic reports it when it renders the revision.
                continue
    return "\n".join(texts)


def _insert(upgrade: ops.UpgradeOps, differences: Iterable[Difference], ddl: str) -> None:
    """Insert the operations before and after those on tables.

    Order matters: drops come before the changes of tables and columns that they depend on, and creations come after.
    Roles, schemas, extensions and types (for a column's type), sequences (for a column's default) and functions that
    the tables' SQL names come first. Types that no column uses any more and schemas are dropped last. The reverse order
    is correct for a downgrade.
    """
    first: list[ops.MigrateOperation] = []
    before: list[ops.MigrateOperation] = []
    after: list[ops.MigrateOperation] = []
    last: list[ops.MigrateOperation] = []
    for difference in differences:
        for operation in difference.operations:
            if isinstance(operation, DropSchemaOp | DropEnumOp | DropDomainOp) or _removes_values(operation):
                last.append(operation)
            elif isinstance(difference.item, _BEFORE_TABLES) or _is_for_tables(difference, ddl):
                first.append(operation)
            elif isinstance(operation, DropOp | DisableRowSecurityOp) or _removes_comment(operation):
                before.append(operation)
            else:
                after.append(operation)
    upgrade.ops[:] = [*first, *reversed(before), *upgrade.ops, *after, *sorted(last, key=_last_steps)]


def _removes_values(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, AlterEnumOp) and not operation.item.has_all_of(operation.previous)


def _last_steps(operation: ops.MigrateOperation) -> int:
    """Order what goes last: a domain before the enum below it, and a schema after all that is in it."""
    return (AlterEnumOp, DropDomainOp, DropEnumOp, DropSchemaOp).index(type(operation))


def _is_for_tables(difference: Difference, ddl: str) -> bool:
    """Return True for a new function that a table's default, check, computed column or index calls."""
    (operation, *others) = difference.operations
    if others or not isinstance(operation, CreateFunctionOp) or operation.previous is not None:
        return False
    assert isinstance(difference.item, Function)
    return mentions(ddl, difference.item.name)


def _removes_comment(operation: ops.MigrateOperation) -> bool:
    return isinstance(operation, SetCommentOp) and not operation.item.text


def _register() -> None:
    """Register the comparison with Alembic as the plugin `PLUGIN`, for `autogenerate_plugins`."""
    Plugin(PLUGIN).add_autogenerate_comparator(compare_objects, "autogenerate", priority=DispatchPriority.LAST)


_register()
