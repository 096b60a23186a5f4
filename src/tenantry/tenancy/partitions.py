"""Tables of tenants that are spread over partitions, a model's `__partitions__ = 32`.

All rows of a tenant lie in one partition, which the tenant's predicate picks when a statement is planned. That is what
an index needs whose search stops early (HNSW): over one partition it meets few rows of others on its way.

The rows are reached by way of the parent, whose policies hold then. A partition that is named meets its own: forced row
security without a policy for anybody but the owner, and no grant.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import MetaData, Table

from tenantry.postgres.objects import DatabaseObject, HashPartitions, Policy, RowSecurity
from tenantry.tenancy.declarations import declaration_of
from tenantry.tenancy.policy import MAINTENANCE_POLICY

__all__ = ["declared_partitions", "partition_tables", "partitions_of", "protection_of"]


def partitions_of(table: Table) -> HashPartitions | None:
    """Return the partitions that a table declares, None where it is one table."""
    count = declaration_of(table).partitions
    return HashPartitions(table.name, count, table.schema or "public") if count else None


def protection_of(partitions: HashPartitions, owner: str) -> Iterator[DatabaseObject]:
    """Yield what keeps each partition to itself; the owner's policy lets later migrations see the rows."""
    for name in partitions.partitions:
        yield RowSecurity(name, partitions.schema)
        yield Policy(MAINTENANCE_POLICY, name, (owner,), "true", "true", schema=partitions.schema)


def declared_partitions(metadata: MetaData) -> Iterator[HashPartitions]:
    """Yield the partitions that the tables of `metadata` declare."""
    for table in metadata.tables.values():
        partitions = partitions_of(table)
        if partitions is not None:
            yield partitions


def partition_tables(metadata: MetaData) -> set[tuple[str, str]]:
    """Return schema and name of every declared partition."""
    return {(item.schema, name) for item in declared_partitions(metadata) for name in item.partitions}
