"""Clauses that several statements share: grantees, argument lists, search paths, trigger events.

Names go through `tenantry.sql`; keywords are checked against the few that exist,
so that no text of a declaration reaches SQL unquoted except expressions, types and bodies, which are code by nature.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tenantry import errors
from tenantry.sql import identifier

__all__ = ["PUBLIC", "arguments_of", "event", "grantee", "one_of", "search_path"]

# No role can bear this name (manual, CREATE ROLE), so it can stand for the keyword.
PUBLIC = "public"


def grantee(role: str) -> str:
    """Return the role as GRANT, REVOKE and CREATE POLICY take it."""
    return "PUBLIC" if role == PUBLIC else identifier(role)


def one_of(field: str, value: str, known: Collection[str]) -> None:
    """Refuse a keyword that is not known.

    Raises:
        DeclarationError: the value is none of the known ones.
    """
    if value not in known:
        raise errors.DeclarationError(
            f"{value!r} is no {field}.", why="It would become part of a statement.", remedy=f"Use {', '.join(known)}."
        )


def arguments_of(text: str) -> Iterator[str]:
    """Yield the arguments of a function's argument list, cutting at commas outside of brackets and quotes."""
    depth = start = 0
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "," and depth == 0:
            yield text[start:position].strip()
            start = position + 1
    if text[start:].strip():
        yield text[start:].strip()


def search_path(path: str) -> str:
    """Return a comma-separated path as SET takes it; an empty path is one that finds only what is written in full."""
    return ", ".join(identifier(name.strip().strip('"')) for name in path.split(",") if name.strip()) or "''"


def event(text: str) -> str:
    """Return a trigger's event, `UPDATE OF a, b` with its columns quoted."""
    verb, _, columns = text.partition(" OF ")
    one_of("event of a trigger", verb, ("INSERT", "UPDATE", "DELETE", "TRUNCATE"))
    if not columns:
        return verb
    return f"{verb} OF {', '.join(identifier(column.strip()) for column in columns.split(','))}"
