"""Watches, through the admin role, what the attacker must not touch: others' rows, what all share, and the schema.

All digests are taken in one round trip. The order of rows does not count, so nothing has to be sorted: the hashes of
the rows are added up.
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

__all__ = ["Referee"]

_STATEMENTS = load_statements(__package__ or "", "referee.sql")

# What the application may not change but for the attacker's own rows. A Global table is everybody's.
_WATCHED = {Kind.TENANT_SCOPED, Kind.TENANT_ROOT, Kind.SHARED}


class Referee:
    """Knows how the tables stood when it was asked last."""

    def __init__(self, connection: Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement
        self._known: dict[str, str] = {}
        # One connection, and attacks may be tried side by side.
        self._turn = asyncio.Lock()

    @classmethod
    async def watch(cls, connection: Connection, service: Service, attacker: str) -> Self:
        """Return a referee that has seen the tables as they stand now."""
        tables = [table for table in service.metadata.sorted_tables if declaration_of(table).kind in _WATCHED]
        digests = (f"({_STATEMENTS['schema']})", *(_digest(table, attacker) for table in tables))
        referee = cls(connection, " UNION ALL ".join(digests))
        referee._known = await referee.look()
        return referee

    async def look(self) -> dict[str, str]:
        """Return a digest of what is others' in each table, by `schema.table`, and that of the schema."""
        async with self._turn:
            return {row["name"]: row["digest"] for row in await self._connection.fetch(self._statement)}

    async def fingerprint(self) -> str:
        """Return one digest over all tables."""
        found = await self.look()
        return hashlib.sha256("\n".join(f"{name} {found[name]}" for name in sorted(found)).encode()).hexdigest()

    async def expect_untouched(self) -> tuple[str, ...]:
        """Return what changed since this was asked last: tables, "the schema". What is told once is not told again."""
        before, self._known = self._known, await self.look()
        return tuple(sorted(name for name, digest in self._known.items() if before[name] != digest))


def _digest(table: Table, attacker: str) -> str:
    """Return the query of one table's name and digest: how many rows, and the sum of their hashes."""
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
