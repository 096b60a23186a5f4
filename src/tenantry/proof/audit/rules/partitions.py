"""Partitions and inheritance: PostgreSQL applies only the policies of the table that a statement names."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.postgres.objects import HashPartitions
from tenantry.proof.audit.differences import altered, missing, undeclared
from tenantry.proof.audit.finding import Severity
from tenantry.proof.audit.relations import REPARTITION, isolated_parents, revoke_all, undeclared_relations
from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Row, Snapshot, split_name
from tenantry.sql import qualified


@rule(
    "TN007",
    "error",
    reason="PostgreSQL does not apply the parent's policies to a statement that names the partition.",
    remedy="Revoke every privilege on the partition, and force row security on it.",
)
def partition_open(snapshot: Snapshot) -> Iterator[Violation]:
    """The application cannot reach a partition of a tenant table by the partition's own name."""
    for row in undeclared_relations(snapshot, "rp"):
        parent = snapshot.tables.get((row["root_schema"], row["root"]))
        if parent is None or not parent[1].kind.is_isolated:
            continue
        if row["is_reachable"]:
            message = (
                f"The application can reach this partition of {row['root']} by its own name, and the parent's policies "
                "do not apply then."
            )
            yield violation(_table(row), message, revoke_all(row, snapshot))
        elif not row["is_forced"]:
            message = f"This partition of {row['root']} has no row security of its own: one GRANT would open it."
            table = qualified(row["schema"], row["name"])
            force = f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
            yield violation(_table(row), message, force, severity="warning")


@rule(
    "TN008",
    "error",
    reason="PostgreSQL refuses a row that fits no partition, and an undeclared partition has no protection of its own.",
    remedy="In a migration, copy the rows into a table with the declared partitions.",
)
def partitions_differ(snapshot: Snapshot) -> Iterator[Violation]:
    """Each table has exactly the declared partitions."""
    for item in missing(snapshot, HashPartitions):
        message = f"The table is declared with {item.count} partitions and has no partition, so it can hold no row."
        yield violation(f"table {item.schema}.{item.table}", message, *item.create())
    for item, found in altered(snapshot, HashPartitions):
        kind = "" if found.is_regular else ", which are not one for each remainder under its own name"
        message = f"The table is declared with {item.count} partitions and has {found.count}{kind}."
        yield violation(f"table {item.schema}.{item.table}", message, REPARTITION)
    for item in undeclared(snapshot, HashPartitions):
        if (item.schema, item.table) in snapshot.tables:
            message = f"The table is declared without partitions and has {item.count}."
            yield violation(f"table {item.schema}.{item.table}", message, REPARTITION)


@rule(
    "TN021",
    "error",
    reason="PostgreSQL applies only the policies of the table that a statement names: a statement on the parent shows "
    "the children's rows without the children's policies, and a statement on a child ignores the parent's.",
    remedy="Detach the child with ALTER TABLE ... NO INHERIT.",
)
def inheritance_open(snapshot: Snapshot) -> Iterator[Violation]:
    """No table of tenants is a child or a parent of another table by inheritance."""
    for key in snapshot.tables:
        row = snapshot.relations.get(key)
        if row is not None and snapshot.is_isolated(key):
            yield from _of_declared(row)
    for row in undeclared_relations(snapshot, "rp"):
        if not row["root"] and isolated_parents(row, snapshot):
            yield _of_undeclared(row, snapshot)


def _of_declared(row: Row) -> Iterator[Violation]:
    table = qualified(row["schema"], row["name"])
    for parent in row["parents"]:
        message = f"A statement that reads {parent} sees the rows of {row['name']} without its policies."
        other = qualified(*split_name(parent))
        detach = f"ALTER TABLE {other} DETACH PARTITION {table}" if row["root"] else ""
        yield violation(_table(row), message, detach or f"ALTER TABLE {table} NO INHERIT {other}")


def _of_undeclared(row: Row, snapshot: Snapshot) -> Violation:
    parents = isolated_parents(row, snapshot)
    application = snapshot.service.roles.application
    also = f", and {application} can reach it by its own name, without their policies" if row["is_reachable"] else ""
    bare = "" if row["is_forced"] else " It has no row security of its own."
    severity: Severity = "error" if row["is_reachable"] else "warning"
    message = f"The table inherits from {', '.join(parents)}{also}.{bare}"
    table = qualified(row["schema"], row["name"])
    statements = [f"ALTER TABLE {table} NO INHERIT {qualified(*split_name(parent))}" for parent in parents]
    return violation(_table(row), message, *statements, severity=severity)


def _table(row: Row) -> str:
    return f"table {row['schema']}.{row['name']}"
