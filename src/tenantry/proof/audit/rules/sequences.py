"""Sequences: they hold no rows of a tenant, but all tenants draw numbers from them.

A number that a tenant gets, from an identity column or from `nextval()`, hints at how many rows there are; a model that
uses one accepts that. `last_value` reveals it at any time, and `setval` makes the inserts of other tenants fail. The
service needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import Sequence
from tenantry.proof.audit.differences import altered, describe_difference
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot, split_name
from tenantry.sql import identifier, qualified
from tenantry.tenancy.sequences import drawn_sequences


@rule(
    "TN420",
    "warning",
    reason="`last_value` reveals how many rows all tenants create, and `setval` makes the inserts of other tenants "
    "fail.",
    remedy="Revoke SELECT and UPDATE. `nextval()` needs only USAGE, and an identity column needs no privilege.",
)
def sequence_exposed(snapshot: Snapshot) -> Iterator[Violation]:
    """The application can neither read nor set the sequence of a tenant table."""
    application = snapshot.service.roles.application
    for row in snapshot.facts["sequences"]:
        can = [verb for verb, may in (("SELECT", row["is_readable"]), ("UPDATE", row["is_writable"])) if may]
        if can and _numbers_tenants(row, snapshot):
            message = f"{application} has {' and '.join(can)} on the sequence that numbers the rows of all tenants."
            name = qualified(row["schema"], row["name"])
            remedy = f"REVOKE {', '.join(can)} ON SEQUENCE {name} FROM {identifier(application)}, PUBLIC"
            yield violation(_object(row), message, remedy)


@rule(
    "TN421",
    "info",
    reason="All tenants share a sequence: its numbers reveal to one tenant how much the others do.",
    remedy="Declare the sequence, or let a column own it. Drop it only if its last number may be lost.",
)
def sequence_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """Every sequence belongs to a column, or is declared."""
    declared = {(item.schema, item.name) for item in snapshot.declared if isinstance(item, Sequence)}
    declared |= drawn_sequences(snapshot.service.metadata)
    for row in snapshot.facts["sequences"]:
        key = (row["schema"], row["name"])
        if not row["tables"] and row["schema"] in snapshot.schemas and key not in declared:
            dropped = f"DROP SEQUENCE {qualified(*key)}"
            remedy = f"Declare it, or let a column own it. If its last number may be lost: {dropped}"
            yield violation(_object(row), "No column uses the sequence, and no model declares it.", remedy)


@rule(
    "TN423",
    "error",
    reason="Rows that draw a number from it cannot be inserted, or get other numbers.",
    remedy="Run `tenantry migrate`; `alembic check` shows the differences.",
)
def sequence_differs(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared sequence exists, with the declared options."""
    found = {(item.schema, item.name) for item in snapshot.objects if isinstance(item, Sequence)}
    declared = {(item.schema, item.name): item for item in snapshot.declared if isinstance(item, Sequence)}
    for key in {*declared, *drawn_sequences(snapshot.service.metadata)} - found:
        item = declared.get(key, Sequence(key[1], key[0]))
        message = "The models draw numbers from the sequence, and it does not exist."
        yield violation(f"sequence {'.'.join(key)}", message, *item.create())
    for item, other in altered(snapshot, Sequence):
        message = f"The sequence was altered: {describe_difference(item, other)}."
        yield violation(f"sequence {item.schema}.{item.name}", message, *item.alter(), severity="warning")


def _numbers_tenants(row: Row, snapshot: Snapshot) -> bool:
    return any(snapshot.is_isolated(split_name(table)) for table in row["tables"])


def _object(row: Row) -> str:
    return f"sequence {row['schema']}.{row['name']}"
