"""Hash partitions of tenant tables, declared by a model's `__partitions__ = 32`.

All rows of a tenant are in one partition, which the planner selects by the tenant's predicate. An index whose scan
stops early (HNSW) needs that: in one partition, it reads few rows of other tenants.

Statements reach the rows through the parent table, with its policies. A statement that names a partition is checked
against the partition: row security is forced, only the owner has a policy, and no role has a grant.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import MetaData, Table

from tenantry.postgres.objects import DatabaseObject, HashPartitions, Policy, RowSecurity
from tenantry.tenancy.declarations import declaration_of
from tenantry.tenancy.policy import MAINTENANCE_POLICY

__all__ = ["declared_partitions", "partition_tables", "partitions_of", "protection_of"]


def partitions_of(table: Table) -> HashPartitions | None:
    """Return the partitions that a table declares; None for a table without partitions."""
    count = declaration_of(table).partitions
    return HashPartitions(table.name, count, table.schema or "public") if count else None


def protection_of(partitions: HashPartitions, owner: str) -> Iterator[DatabaseObject]:
    """Yield row security for each partition; the owner's policy lets later migrations read the rows."""
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
