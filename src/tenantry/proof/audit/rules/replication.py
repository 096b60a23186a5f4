"""Logical replication: it sends and receives rows of all tenants, and no policy applies to them."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.rule import Violation, rule, violation
from tenantry.proof.audit.snapshot import Snapshot, split_name
from tenantry.sql import identifier, literal

# Tables of a publication that a message names.
SHOWN = 3


@rule(
    "TN605",
    "warning",
    reason="PostgreSQL sends the rows of all tenants to every subscriber; policies do not apply to them.",
    remedy="Remove the tables from the publication, or drop it.",
)
def publication_open(snapshot: Snapshot) -> Iterator[Violation]:
    """No publication includes tables of tenants."""
    for row in snapshot.facts["publications"]:
        carried = [table for table in sorted(row["tables"]) if snapshot.is_isolated(split_name(table))]
        if carried:
            listed = ", ".join(carried[:SHOWN]) + (", ..." if len(carried) > SHOWN else "")
            future = " The publication is FOR ALL TABLES, which includes future ones." if row["is_all"] else ""
            message = f"Every subscriber gets the rows of all tenants in {listed}.{future}"
            yield violation(f"publication {row['name']}", message, f"DROP PUBLICATION {identifier(row['name'])}")


@rule(
    "TN606",
    "warning",
    reason="The slot's consumer gets every change of every tenant.",
    remedy="Drop the slot if its consumer may lose the changes that it has not read.",
)
def logical_slot(snapshot: Snapshot) -> Iterator[Violation]:
    """No logical replication slot decodes this database."""
    for row in snapshot.facts["logical_slots"]:
        message = f"The slot decodes every change of this database with {row['plugin']}, for all tenants."
        dropped = f"SELECT pg_drop_replication_slot({literal(row['name'])})"
        remedy = f"If the changes that its consumer has not read may be lost: {dropped}"
        yield violation(f"replication slot {row['name']}", message, remedy)


@rule(
    "TN607",
    "warning",
    reason="The subscription's worker writes the rows that another server sends, of any tenant; policies do not apply.",
    remedy="Drop the subscription if the changes that have not arrived may be lost.",
)
def subscription(snapshot: Snapshot) -> Iterator[Violation]:
    """This database has no subscription."""
    for row in snapshot.facts["subscriptions"]:
        message = "Its worker writes the rows that another server sends, of any tenant, without policies."
        dropped = f"DROP SUBSCRIPTION {identifier(row['name'])}"
        yield violation(
            f"subscription {row['name']}", message, f"If changes that have not arrived may be lost: {dropped}"
        )
