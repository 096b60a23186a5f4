"""Tables as a whole, and large objects, which are rows of tenants outside of any table."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.tables.options import table_differences
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.relations import DECLARE, REPARTITION, isolated_parents, revoke_all, undeclared_relations
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot
from tenantry.sql import qualified


@rule(
    "TN401",
    "error",
    reason="Requests that need the table fail.",
    remedy="Run `tenantry migrate`.",
)
def table_missing(snapshot: Snapshot) -> Iterator[Violation]:
    """Every declared table exists."""
    for key in snapshot.tables:
        if key not in snapshot.relations:
            message = "The table is declared and does not exist."
            command = f"tenantry migrate --service {snapshot.service.name}"
            yield violation(f"table {'.'.join(key)}", message, command)


@rule(
    "TN406",
    "warning",
    reason="An undeclared table has no policies. If the application can reach it, it is an error.",
    remedy=DECLARE,
)
def table_undeclared(snapshot: Snapshot) -> Iterator[Violation]:
    """A model declares every table of the declared schemas."""
    application = snapshot.service.roles.application
    for row in undeclared_relations(snapshot, "rp"):
        # Other rules check partitions and children.
        if row["root"] or isolated_parents(row, snapshot):
            continue
        thing = f"table {row['schema']}.{row['name']}"
        if row["is_reachable"]:
            message = f"No model declares the table, and {application} can reach it."
            yield violation(thing, message, revoke_all(row, snapshot), severity="error")
        elif row["schema"] in snapshot.schemas:
            yield violation(thing, "No model declares the table.", DECLARE)


@rule(
    "TN417",
    "warning",
    reason="A crash of the server empties an unlogged table, so all tenants lose its rows. Standbys do not have them.",
    remedy="Set the table LOGGED.",
)
def table_unlogged(snapshot: Snapshot) -> Iterator[Violation]:
    """No declared table is UNLOGGED."""
    for key in snapshot.tables:
        row = snapshot.relations.get(key)
        if row is not None and row["is_unlogged"]:
            message = "The table is UNLOGGED: a crash of the server empties it, and standbys do not have its rows."
            yield violation(f"table {'.'.join(key)}", message, f"ALTER TABLE {qualified(*key)} SET LOGGED")


@rule(
    "TN444",
    "warning",
    reason="The table stores its rows in another way than the models declare. For a comment, it is an info.",
    remedy="Set the declared property. A partition key cannot be changed in place.",
)
def table_altered(snapshot: Snapshot) -> Iterator[Violation]:
    """A table has the declared partition key, storage parameters and comment."""
    for key, (table, _) in snapshot.tables.items():
        row = snapshot.rows("tables", key).get(key[1])
        for one in table_differences(table, row, snapshot.comparison) if row else ():
            # `table_unlogged` reports a table that is UNLOGGED.
            if one.found == "UNLOGGED":
                continue
            message = f"The {one.aspect} is {one.found or 'missing'}, and is declared {one.declared or 'as missing'}."
            severity: Severity | None = "info" if one.aspect == "comment" else None
            yield violation(f"table {'.'.join(key)}", message, one.change or REPARTITION, severity=severity)


@rule(
    "TN608",
    "warning",
    reason="A large object belongs to a role, not to a tenant. If the application may read one, it is an error.",
    remedy="Copy the bytes to a column of a tenant table. Unlink the large objects only after that.",
)
def large_objects(snapshot: Snapshot) -> Iterator[Violation]:
    """There are no large objects."""
    for row in snapshot.facts["large_objects"]:
        if not row["found"]:
            continue
        severity: Severity = "error" if row["open"] else "warning"
        also = f"; {snapshot.service.roles.application} may read {row['open']} of them" if row["open"] else ""
        message = f"Large objects belong to no tenant, and there are {row['found']}{also}."
        remedy = (
            "Copy the bytes to a column of a tenant table. If the large objects may be lost: "
            "SELECT lo_unlink(oid) FROM pg_largeobject_metadata"
        )
        yield violation("large objects", message, remedy, severity=severity)
