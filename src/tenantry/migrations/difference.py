"""The operations that change the objects in a database to the declared objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias

from alembic.operations import MigrateOperation

from tenantry.migrations.operations import (
    AlterSequenceOp,
    CreateExtensionOp,
    CreateFunctionOp,
    CreateHashPartitionsOp,
    CreateOp,
    CreatePolicyOp,
    CreateRoleOp,
    CreateSchemaOp,
    CreateSequenceOp,
    CreateTriggerOp,
    CreateViewOp,
    DropFunctionOp,
    DropOp,
    DropPolicyOp,
    DropSchemaOp,
    DropTriggerOp,
    DropViewOp,
    GrantOp,
    RevokeOp,
    SetCommentOp,
    SetRowSecurityOp,
)
from tenantry.migrations.type_operations import type_operations
from tenantry.postgres.dependencies import in_order, is_attached, uses
from tenantry.postgres.objects import (
    PUBLIC,
    Comment,
    DatabaseObject,
    Domain,
    Enum,
    Extension,
    Function,
    Grant,
    HashPartitions,
    Policy,
    Role,
    RowSecurity,
    Schema,
    Sequence,
    Trigger,
    View,
)

__all__ = ["Difference", "Identity", "operations_between"]


Identity: TypeAlias = tuple[str, ...]

_REPLACING: Mapping[type, tuple[type[DropOp], type[CreateOp]]] = {
    Function: (DropFunctionOp, CreateFunctionOp),
    Policy: (DropPolicyOp, CreatePolicyOp),
    Trigger: (DropTriggerOp, CreateTriggerOp),
    View: (DropViewOp, CreateViewOp),
}


@dataclass(frozen=True)
class Difference:
    """One object that is missing, altered or not declared, and the operations that correct it."""

    item: DatabaseObject
    operations: tuple[MigrateOperation, ...]


def operations_between(
    found: AbstractSet[DatabaseObject],
    declared: AbstractSet[DatabaseObject],
    recreated: AbstractSet[Identity] = frozenset(),
    authored: Mapping[Identity, DatabaseObject] = MappingProxyType({}),
) -> Iterator[Difference]:
    """Yield the differences in the order of creation.

    The objects of `recreated` are dropped and created even if they do not differ, because a column that they use
    changes. They are created in their author's text, which `authored` has where the server's text is another: its text
    of `SELECT *` has the columns of today.
    """
    live = {item.identity: item for item in found}
    wanted = {item.identity: item for item in declared}
    # The operation that creates partitions also creates their row security.
    new = {
        (item.schema, name)
        for identity, item in wanted.items()
        if isinstance(item, HashPartitions) and identity not in live
        for name in item.partitions
    }
    gone, replaced = _fates(live, wanted, recreated)
    for item in in_order({**live, **wanted}.values()):
        identity = item.identity
        old, after = live.get(identity), None if identity in gone else wanted.get(identity)
        is_new_partition = isinstance(item, RowSecurity | Policy) and (item.schema, item.table) in new
        if identity in replaced:
            yield Difference(item, tuple(_replaced(old, authored.get(identity) or after or old)))
        elif old != after and not is_new_partition:
            operations = tuple(_operations(old, after))
            if operations:
                yield Difference(item, operations)


def _fates(
    live: Mapping[Identity, DatabaseObject],
    wanted: Mapping[Identity, DatabaseObject],
    recreated: AbstractSet[Identity],
) -> tuple[set[Identity], set[Identity]]:
    """Return the objects that go, and those that are dropped and created again, with all that depends on them."""
    gone = {identity for identity in live if identity not in wanted}
    replaced = {
        identity
        for identity, old in live.items()
        if identity in wanted and (identity in recreated or _is_replaced(old, wanted[identity]))
    }
    is_growing = True
    while is_growing:
        is_growing = False
        for identity, item in live.items():
            if identity in gone or identity in replaced:
                continue
            if any(is_attached(item, live[other]) for other in gone):
                gone.add(identity)
            elif any(is_attached(item, live[other]) or uses(item, live[other]) for other in replaced):
                replaced.add(identity)
            is_growing = is_growing or identity in gone or identity in replaced
    return gone, replaced


def _is_replaced(old: DatabaseObject, new: DatabaseObject) -> bool:
    """Return True if only a drop and a creation change `old` to `new`."""
    if isinstance(old, Function) and isinstance(new, Function):
        return _shape(old) != _shape(new)
    return isinstance(old, Policy | Trigger | View) and old != new


def _operations(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Yield the operations that change `old` to `new`; either may be None."""
    match new or old:
        case Role() | Extension() | Enum() | Domain():
            yield from _before_tables(old, new)
        case Schema() as schema:
            yield DropSchemaOp(schema) if new is None else CreateSchemaOp(schema)
        case Sequence() if new is not None:
            # An undeclared sequence is never dropped, because it has its last value.
            assert isinstance(new, Sequence)
            yield AlterSequenceOp(new, old) if isinstance(old, Sequence) else CreateSequenceOp(new)
        case HashPartitions() if new is not None:
            # If other partitions exist, the server refuses. A comparison never drops rows.
            yield CreateHashPartitionsOp(new)
        case RowSecurity(table=table, schema=schema):
            state = new or RowSecurity(table, schema, enabled=False, forced=False)
            assert isinstance(state, RowSecurity)
            assert old is None or isinstance(old, RowSecurity)
            yield SetRowSecurityOp.to(state, old)
        case Comment() as item:
            before = old.text if isinstance(old, Comment) else ""
            yield SetCommentOp(item if new is not None else replace(item, text=""), before)
        case Grant():
            yield from _privileges(old, new)
        case Function() if old is not None and new is not None:
            yield from _function(old, new)
        case Function() | Policy() | Trigger() | View():
            yield from _replaced(old, new)


def _before_tables(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Yield the operations for roles, extensions and types. Roles and extensions are never dropped."""
    if isinstance(new or old, Enum | Domain):
        yield from type_operations(old, new)
    elif old is None and new is not None:
        yield CreateRoleOp(new) if isinstance(new, Role) else CreateExtensionOp(new)


def _replaced(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Yield a drop and a creation, which keep nothing of the old object."""
    if isinstance(old or new, Comment | Grant):
        yield from _operations(old, None) if old is not None else ()
        yield from _operations(None, new) if new is not None else ()
        return
    drop, create = _REPLACING[type(old or new)]
    if old is not None:
        yield drop(old)
    if new is not None:
        yield create(new)


def _privileges(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Revoke and grant only the privileges that differ."""
    had = old.privileges if isinstance(old, Grant) else ()
    wants = new.privileges if isinstance(new, Grant) else ()
    if isinstance(old, Grant) and set(had) - set(wants):
        yield RevokeOp(replace(old, privileges=tuple(set(had) - set(wants))))
    if isinstance(new, Grant) and set(wants) - set(had):
        yield GrantOp(replace(new, privileges=tuple(set(wants) - set(had))))


def _function(old: DatabaseObject, new: DatabaseObject) -> Iterator[MigrateOperation]:
    """Replace a function whose signature stays, and grant or revoke EXECUTE where it differs."""
    assert isinstance(old, Function)
    assert isinstance(new, Function)
    is_replaced = new != replace(old, execute=new.execute)
    if is_replaced:
        yield CreateFunctionOp(new, previous=old)
    # CREATE OR REPLACE keeps privileges, and our statement sets those of PUBLIC itself.
    address = f"{new.name}({new.signature})"
    for role in sorted({*old.execute, *new.execute} - ({PUBLIC} if is_replaced else set())):
        privilege = Grant(role, ("EXECUTE",), address, kind="FUNCTION", schema=new.schema)
        if role not in new.execute:
            yield RevokeOp(privilege)
        elif role not in old.execute:
            yield GrantOp(privilege)


def _shape(function: Function) -> tuple[str, str]:
    """Return the parts that CREATE OR REPLACE cannot change: the result, and the arguments' names and defaults."""
    return function.returns, function.arguments
