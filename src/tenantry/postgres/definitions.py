"""Reads every object of a database with its definition, and tells two such readings apart.

This is how a test knows that a downgrade left what was there before its upgrade. `catalog` reads the objects that a
model can declare; here nothing is left out that a migration can make: a comment, a column's storage, a domain. Numbers
that differ from one database to the next (OIDs, column numbers, the numbers that sequences have come to) are no part of
a definition, so two databases that were made in the same way read alike. Roles belong to the cluster and are left out.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping

import asyncpg

from tenantry.postgres.statements import load_statements

__all__ = ["Change", "Definitions", "compare_definitions", "read_definitions"]

_STATEMENTS = load_statements("tenantry.postgres", "definitions.sql")
_MEMBERS = "extension_members"

# The definitions by name and kind, as ("public.books.title", "column").
Definitions = Mapping[tuple[str, str], str]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One object that differs; `before` or `after` is None where the object is missing."""

    kind: str
    name: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        """Return the change as a diff: lines that begin with `-`, `+` or a blank."""
        heading = f"{self.kind} {self.name}".strip()
        if self.before is None or self.after is None:
            sign, text = ("+", self.after) if self.before is None else ("-", self.before)
            lines = [f"{sign} {heading}", *(f"{sign}     {line}" for line in (text or "").splitlines())]
        else:
            diff = difflib.ndiff(self.before.splitlines(), self.after.splitlines())
            # Without the lines that begin with `?`, which mark characters.
            changed = [f"{line[:2]}    {line[2:]}" for line in diff if not line.startswith("?")]
            lines = [f"  {heading}", *changed]
        return "\n".join(line.rstrip() for line in lines)


async def read_definitions(connection: asyncpg.Connection) -> Definitions:
    """Return the definitions of all objects outside of the system's schemas and of extensions.

    It takes no lock above ACCESS SHARE and leaves the session as it was.
    """
    found: dict[tuple[str, str], str] = {}
    transaction = connection.transaction()
    await transaction.start()
    try:
        # The server then prints every other name with its schema.
        await connection.execute("SET LOCAL search_path TO pg_catalog")
        members = {tuple(row) for row in await connection.fetch(_STATEMENTS[_MEMBERS])}
        for name, statement in _STATEMENTS.items():
            if name != _MEMBERS:
                for row in await connection.fetch(statement):
                    if (row["class"], row["object"]) not in members:
                        found[row["name"], row["kind"]] = row["text"]
    finally:
        # Rolled back rather than committed: inside a transaction of the caller's, SET LOCAL would outlive a savepoint.
        await transaction.rollback()
    return found


def compare_definitions(before: Definitions, after: Definitions) -> list[Change]:
    """Return what differs, by name; what belongs to a table stands beside it."""
    return [
        Change(kind, name, before.get((name, kind)), after.get((name, kind)))
        for name, kind in sorted(before.keys() | after.keys())
        if before.get((name, kind)) != after.get((name, kind))
    ]
