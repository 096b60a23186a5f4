"""The operations that change the objects in a database to the declared objects."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from alembic.operations import MigrateOperation, ops

from tenantry.migrations.operations import (
    AlterEnumOp,
    AlterSequenceOp,
    CreateDomainOp,
    CreateEnumOp,
    CreateExtensionOp,
    CreateFunctionOp,
    CreateHashPartitionsOp,
    CreateOp,
    CreatePolicyOp,
    CreateRoleOp,
    CreateSequenceOp,
    CreateTriggerOp,
    DropDomainOp,
    DropEnumOp,
    DropFunctionOp,
    DropOp,
    DropPolicyOp,
    DropTriggerOp,
    GrantOp,
    RevokeOp,
    SetRowSecurityOp,
)
from tenantry.migrations.operations.found import SQLOp
from tenantry.postgres.objects import (
    PUBLIC,
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
    Sequence,
    Trigger,
)

__all__ = ["Difference", "operations_between"]


# The operations for objects that are dropped and created if they differ.
_REPLACEMENTS: dict[type, tuple[type[DropOp], type[CreateOp]]] = {
    Policy: (DropPolicyOp, CreatePolicyOp),
    Trigger: (DropTriggerOp, CreateTriggerOp),
    Enum: (DropEnumOp, CreateEnumOp),
    Domain: (DropDomainOp, CreateDomainOp),
}


@dataclass(frozen=True)
class Difference:
    """One object that is missing, altered or not declared, and the operations that correct it."""

    item: DatabaseObject
    operations: tuple[MigrateOperation, ...]


def operations_between(
    found: AbstractSet[DatabaseObject], declared: AbstractSet[DatabaseObject]
) -> Iterator[Difference]:
    """Yield the differences in the order of creation."""
    live = {item.identity: item for item in found}
    wanted = {item.identity: item for item in declared}
    # The operation that creates partitions also creates their row security.
    new = {
        (item.schema, name)
        for identity, item in wanted.items()
        if isinstance(item, HashPartitions) and identity not in live
        for name in item.partitions
    }
    for identity in sorted(live.keys() | wanted.keys(), key=lambda key: wanted.get(key) or live[key]):
        old, item = live.get(identity), wanted.get(identity)
        is_new_partition = isinstance(item, RowSecurity | Policy) and (item.schema, item.table) in new
        if old != item and not is_new_partition:
            operations = tuple(_operations(old, item))
            if operations:
                yield Difference(item or live[identity], operations)


def _operations(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Yield the operations that change `old` to `new`; either may be None."""
    match new or old:
        case Role() if old is None and new is not None:
            yield CreateRoleOp(new)
        case Extension() if old is None and new is not None:
            yield CreateExtensionOp(new)
        case Sequence() if new is not None:
            # An undeclared sequence is never dropped, because it has its last value.
            assert isinstance(new, Sequence)
            yield AlterSequenceOp(new, old) if isinstance(old, Sequence) else CreateSequenceOp(new)
        case Enum() | Domain():
            yield from _type(old, new)
        case HashPartitions() if new is not None:
            # If other partitions exist, the server refuses. A comparison never drops rows.
            yield CreateHashPartitionsOp(new)
        case RowSecurity(table=table, schema=schema):
            state = new or RowSecurity(table, schema, enabled=False, forced=False)
            assert isinstance(state, RowSecurity)
            assert old is None or isinstance(old, RowSecurity)
            yield SetRowSecurityOp.to(state, old)
        case Policy() | Trigger() as item:
            yield from _replaced(old, new, *_REPLACEMENTS[type(item)])
        case Grant():
            yield from _privileges(old, new)
        case Function():
            yield from _function(old, new)


def _replaced(
    old: DatabaseObject | None,
    new: DatabaseObject | None,
    drop: type[DropOp],
    create: type[CreateOp],
) -> Iterator[MigrateOperation]:
    if old is not None:
        yield drop(old)
    if new is not None:
        yield create(new)


def _type(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    if isinstance(old, Enum) and isinstance(new, Enum):
        yield from _enum(old, new)
    elif isinstance(old, Domain) and isinstance(new, Domain):
        first, *rest = old.changes_to(new)
        back = [SQLOp(statement, None) for statement in new.changes_to(old)]
        yield SQLOp(first, ops.ModifyTableOps("", back))
        yield from (SQLOp(statement, None) for statement in rest)
    else:
        yield from _replaced(old, new, *_REPLACEMENTS[type(new or old)])


def _enum(old: Enum, new: Enum) -> Iterator[MigrateOperation]:
    """Add values before the tables change, and remove values after it, because a default may have used them."""
    both = new if new.has_all_of(old) else old.with_values_of(new)
    if both != old:
        yield AlterEnumOp(both, old)
    if both != new:
        yield AlterEnumOp(new, both)


def _privileges(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Revoke and grant only the privileges that differ."""
    had = old.privileges if isinstance(old, Grant) else ()
    wants = new.privileges if isinstance(new, Grant) else ()
    if isinstance(old, Grant) and set(had) - set(wants):
        yield RevokeOp(replace(old, privileges=tuple(set(had) - set(wants))))
    if isinstance(new, Grant) and set(wants) - set(had):
        yield GrantOp(replace(new, privileges=tuple(set(wants) - set(had))))


def _function(old: DatabaseObject | None, new: DatabaseObject | None) -> Iterator[MigrateOperation]:
    """Replace a function if its signature allows, and grant or revoke EXECUTE where it differs."""
    if not isinstance(old, Function) or not isinstance(new, Function) or _shape(old) != _shape(new):
        yield from _replaced(old, new, DropFunctionOp, CreateFunctionOp)
        return
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
