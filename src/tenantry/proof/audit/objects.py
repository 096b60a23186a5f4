"""Row security, policies, functions, triggers and extensions: the declared set against the found one.

Both sides are values of one vocabulary, in PostgreSQL's own spelling, so a difference is a difference of two sets. What
an object of the same identity says otherwise is an alteration; what nobody declared is reported with what it endangers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import singledispatch
from typing import Any, cast

from tenantry.postgres.objects import (
    PUBLIC,
    DatabaseObject,
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
from tenantry.proof.audit.finding import Draft, draft
from tenantry.proof.audit.policies import Context, diagnose_policy
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.proof.audit.suspects import DANGEROUS_EXTENSIONS
from tenantry.sql import identifier, qualified
from tenantry.tenancy.declarations import tenancy_of

__all__ = ["check_objects"]

# These have questions of their own: which privilege is too many, which attribute, and what a number tells.
_ELSEWHERE = (Grant, Role, Sequence)

# Rows would have to move: no statement can do that in place.
_REPARTITION = "Copy the rows in a migration into a table with the declared partitions, and rename it."


def check_objects(snapshot: Snapshot) -> Iterator[Draft]:
    """Yield what is missing, altered or undeclared among the objects of the declared tables."""
    declared = {item.identity: item for item in snapshot.declared if not isinstance(item, _ELSEWHERE)}
    found = {item.identity: item for item in snapshot.objects if not isinstance(item, _ELSEWHERE)}
    for identity, item in declared.items():
        if _is_on_a_missing_table(item, snapshot):
            continue
        if identity not in found:
            yield missing(item)
        elif found[identity] != item:
            other = found[identity]
            if isinstance(item, Policy) and isinstance(other, Policy):
                yield from diagnose_policy(item, other, _context(item, snapshot))
            else:
                yield altered(item, other)
        yield from _dangerous(item, snapshot)
    for identity, item in found.items():
        if identity not in declared:
            yield from undeclared(item, snapshot)


def _context(item: Policy, snapshot: Snapshot) -> Context | None:
    """Return what the table's policy is about; a partition has no policy that compares anything."""
    _, declaration = snapshot.tables.get((item.schema, item.table), (None, None))
    column = declaration.tenant_column if declaration is not None else None
    return None if column is None else Context(column, tenancy_of(snapshot.service.metadata).setting.lower())


def _dangerous(item: DatabaseObject, snapshot: Snapshot) -> Iterator[Draft]:
    """Yield that a declared extension leads out of the database: somebody wants it, and should know."""
    del snapshot
    if isinstance(item, Extension) and item.name in DANGEROUS_EXTENSIONS:
        message = f"The {item} {DANGEROUS_EXTENSIONS[item.name]}."
        remedy = f"Revoke EXECUTE on its functions from PUBLIC, or {item.drop()[0]}"
        yield draft("extension_dangerous", item, message, remedy, severity="warning")


def _is_on_a_missing_table(item: DatabaseObject, snapshot: Snapshot) -> bool:
    """True if the missing table is the finding, and what should be on it would only repeat it."""
    kinds = HashPartitions | RowSecurity | Policy | Trigger
    return isinstance(item, kinds) and (item.schema, item.table) not in snapshot.relations


@singledispatch
def missing(item: DatabaseObject) -> Draft:
    """Return the finding that a declared object does not exist."""
    rule = {Policy: "policy_missing", Function: "function_missing", Trigger: "trigger_missing"}.get(type(item))
    return draft(rule or "extension_missing", item, f"The {item} is declared, and does not exist.", *item.create())


@missing.register
def _(item: RowSecurity) -> Draft:
    message = "Row security is off: every role with a privilege on the table sees the rows of all tenants."
    return draft("rls_disabled", _table(item), message, *item.create())


@missing.register
def _(item: HashPartitions) -> Draft:
    message = f"The table is declared with {item.count} partitions, and has none: it can hold no row."
    return draft("partitions_differ", _table(item), message, *item.create())


@singledispatch
def altered(item: DatabaseObject, found: DatabaseObject) -> Draft:
    """Return the finding that an object is not what was declared."""
    raise NotImplementedError(f"{item}: nothing but its name can be declared, and {found} has it.")


@altered.register
def _(item: RowSecurity, found: RowSecurity) -> Draft:
    if not found.enabled:
        return missing(item)
    message = "Row security is not forced: it does not hold the owner of the table."
    return draft("rls_not_forced", _table(item), message, *item.create())


@altered.register
def _(item: Function, found: Function) -> Draft:
    # A function that triggers call cannot be dropped, but it can be replaced; its privileges stay as they are then.
    extra = [
        f"REVOKE EXECUTE ON FUNCTION {item.address} FROM {identifier(role)}"
        for role in sorted({*found.execute} - {*item.execute, PUBLIC})
    ]
    return draft("function_altered", item, f"The {item} {_differences(item, found)}.", *item.create(), *extra)


@altered.register
def _(item: Trigger, found: Trigger) -> Draft:
    if dataclasses.replace(found, state=item.state) == item:
        state = f"ALTER TABLE {qualified(item.schema, item.table)} {item.state} TRIGGER {identifier(item.name)}"
        message = f"The {item} is declared {item.state}, and is {found.state}."
        return draft("trigger_disabled", item, message, state)
    message = f"The {item} {_differences(item, found)}."
    return draft("trigger_altered", item, message, *found.drop(), *item.create())


@altered.register
def _(item: HashPartitions, found: HashPartitions) -> Draft:
    kind = "" if found.is_regular else ", not one of each remainder under its own name"
    message = f"The table is declared with {item.count} partitions, and has {found.count}{kind}."
    return draft("partitions_differ", _table(item), message, _REPARTITION)


@singledispatch
def undeclared(item: DatabaseObject, snapshot: Snapshot) -> Iterator[Draft]:
    """Yield the findings about an object that no model declares."""
    del snapshot
    name = item.name if isinstance(item, Extension) else ""
    if name in DANGEROUS_EXTENSIONS:
        message = f"The {item} {DANGEROUS_EXTENSIONS[name]}, and nobody declares it."
        yield draft("extension_dangerous", item, message, *item.drop())
    else:
        yield draft("extension_undeclared", item, f"The {item} is installed, and nobody declares it.", *item.drop())


@undeclared.register
def _(item: RowSecurity, snapshot: Snapshot) -> Iterator[Draft]:
    if (item.schema, item.table) in snapshot.tables:
        message = "Row security is switched on for a table that is not declared as a tenant's."
        yield draft("rls_undeclared", _table(item), message, *item.drop())


@undeclared.register
def _(item: HashPartitions, snapshot: Snapshot) -> Iterator[Draft]:
    if (item.schema, item.table) in snapshot.tables:
        message = f"The table has {item.count} partitions, and none is declared."
        yield draft("partitions_differ", _table(item), message, _REPARTITION)


@undeclared.register
def _(item: Policy, snapshot: Snapshot) -> Iterator[Draft]:
    if not snapshot.is_declared(item.schema, item.table):
        return
    if item.permissive:
        message = f"The {item} is permissive: what it lets through, the declared policy does not stop."
        yield draft("policy_undeclared", item, message, *item.drop())
    else:
        message = f"The {item} is restrictive: it hides rows that the models promise."
        yield draft("policy_undeclared", item, message, *item.drop(), severity="warning")


@undeclared.register
def _(item: Function, snapshot: Snapshot) -> Iterator[Draft]:
    reached = {PUBLIC, snapshot.service.roles.application} & {*item.execute}
    if item.security_definer and reached:
        message = f"The {item} runs with its owner's rights, and {' and '.join(sorted(reached))} may call it."
        yield draft("function_undeclared", item, message, *item.drop(), severity="error")
    else:
        yield draft("function_undeclared", item, f"Nobody declares the {item}.", *item.drop())


@undeclared.register
def _(item: Trigger, snapshot: Snapshot) -> Iterator[Draft]:
    if not snapshot.is_declared(item.schema, item.table):
        return
    place = (item.schema, item.table, item.name)
    for row in snapshot.facts["definer_triggers"]:
        if (row["schema"], row["table"], row["name"]) == place:
            message = f"Nobody declares the {item}, whose function runs with the rights of {row['owner']}."
            yield draft("trigger_privileged", item, message, *item.drop())
            return
    yield draft("trigger_undeclared", item, f"Nobody declares the {item}.", *item.drop())


def _differences(item: DatabaseObject, found: DatabaseObject) -> str:
    """Name the fields that differ, with both values."""
    names = [field.name for field in dataclasses.fields(cast("Any", item))]
    pairs = ((name, getattr(item, name), getattr(found, name)) for name in names)
    said = [f"{name} is {there!r} instead of {wanted!r}" for name, wanted, there in pairs if wanted != there]
    return "was altered: " + ", ".join(said)


def _table(item: RowSecurity | HashPartitions) -> str:
    return f"table {item.schema}.{item.table}"
