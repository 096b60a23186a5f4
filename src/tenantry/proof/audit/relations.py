"""Tables, views, partitions and foreign tables that no model declares: which they are, and how to close them."""

from __future__ import annotations

from collections.abc import Iterator

from tenantry.proof.audit.snapshot import VERSION_TABLE, Row, Snapshot, split_name
from tenantry.sql import identifier, qualified

__all__ = ["DECLARE", "REPARTITION", "isolated_parents", "revoke_all", "undeclared_relations"]

DECLARE = "Declare it in a model, or move it to a schema of its own."

# Rows have to move, which no statement does in place.
REPARTITION = "In a migration, copy the rows into a table with the declared partitions, and rename it."


def undeclared_relations(snapshot: Snapshot, kinds: str) -> Iterator[Row]:
    """Yield the undeclared relations whose `pg_class.relkind` is one of the letters `kinds`."""
    for key, row in snapshot.relations.items():
        if row["kind"] in kinds and key not in snapshot.tables and key != VERSION_TABLE:
            yield row


def isolated_parents(row: Row, snapshot: Snapshot) -> list[str]:
    """Return the tables with rows of tenants that the relation inherits from."""
    return [parent for parent in row["parents"] if snapshot.is_isolated(split_name(parent))]


def revoke_all(row: Row, snapshot: Snapshot) -> str:
    """Return the statement after which the application cannot reach the relation."""
    application = identifier(snapshot.service.roles.application)
    return f"REVOKE ALL ON {qualified(row['schema'], row['name'])} FROM {application}, PUBLIC"
