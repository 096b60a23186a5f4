"""Check, through the admin role, what the attacker must not change: other tenants' rows, shared rows and the schema.

One statement computes all digests. The order of rows does not matter, because the hashes of the rows are added up; so
nothing has to be sorted.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Self

from sqlalchemy import Table

from tenantry import sql
from tenantry.postgres.connection import Connection
from tenantry.postgres.statements import load_statements
from tenantry.service import Service
from tenantry.tenancy.declarations import Kind, declaration_of

__all__ = ["IntegrityCheck"]

_STATEMENTS = load_statements(__package__ or "", "integrity.sql")

# The application may change a Global table, and the attacker's own rows in the tables of these kinds.
_WATCHED = {Kind.TENANT_SCOPED, Kind.TENANT_ROOT, Kind.SHARED}


class IntegrityCheck:
    """Compares the tables and the schema with their state at the last check."""

    def __init__(self, connection: Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement
        self._known: dict[str, str] = {}
        # Attacks may run at the same time, and a connection sends one statement at a time.
        self._turn = asyncio.Lock()

    @classmethod
    async def begin(cls, connection: Connection, service: Service, attacker: str) -> Self:
        """Return a check that knows the present state."""
        tables = [table for table in service.metadata.sorted_tables if declaration_of(table).kind in _WATCHED]
        digests = (f"({_STATEMENTS['schema']})", *(_digest(table, attacker) for table in tables))
        check = cls(connection, " UNION ALL ".join(digests))
        check._known = await check.digests()
        return check

    async def digests(self) -> dict[str, str]:
        """Return the digest of other tenants' rows in each table, by `schema.table`, and the digest of the schema."""
        async with self._turn:
            return {row["name"]: row["digest"] for row in await self._connection.fetch(self._statement)}

    async def fingerprint(self) -> str:
        """Return one digest over all tables and the schema."""
        found = await self.digests()
        return hashlib.sha256("\n".join(f"{name} {found[name]}" for name in sorted(found)).encode()).hexdigest()

    async def find_changes(self) -> tuple[str, ...]:
        """Return what changed since the last call: tables, and "the schema". Each change is returned once."""
        before, self._known = self._known, await self.digests()
        return tuple(sorted(name for name, digest in self._known.items() if before[name] != digest))


def _digest(table: Table, attacker: str) -> str:
    """Return the query of one table's name and digest: the number of rows, and the sum of their hashes."""
    declaration = declaration_of(table)
    schema = table.schema or "public"
    where = ""
    if declaration.tenant_column is not None:
        where = f" WHERE t.{sql.identifier(declaration.tenant_column)} <> {sql.literal(attacker)}"
    return (
        f"SELECT {sql.literal(f'{schema}.{table.name}')} AS name, "  # noqa: S608  # Every part is quoted.
        "count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) AS digest "
        f"FROM {sql.qualified(schema, table.name)} AS t{where}"
    )
