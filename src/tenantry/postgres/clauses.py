"""Clauses that several statements share: grantees, argument lists, search paths, trigger events.

`tenantry.sql` quotes names, and keywords are checked against the known keywords. So the only unquoted texts of a
declaration in SQL are expressions, types and bodies, which are code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tenantry import errors
from tenantry.sql import identifier

__all__ = ["PUBLIC", "arguments_of", "event", "grantee", "one_of", "search_path"]

# No role can have this name (manual, CREATE ROLE), so it represents the keyword.
PUBLIC = "public"


def grantee(role: str) -> str:
    """Return the role in the syntax of GRANT, REVOKE and CREATE POLICY."""
    return "PUBLIC" if role == PUBLIC else identifier(role)


def one_of(field: str, value: str, known: Collection[str]) -> None:
    """Check a keyword.

    Raises:
        DeclarationError: the value is not one of the known keywords.
    """
    if value not in known:
        raise errors.DeclarationError(
            f"{value!r} is not a valid {field}.",
            why="The value becomes part of an SQL statement, so only known keywords are accepted.",
            remedy=f"Use one of {', '.join(known)}.",
        )


def arguments_of(text: str) -> Iterator[str]:
    """Yield the arguments of a function's argument list, split at commas outside brackets and quotes."""
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
    """Return a comma-separated path in the syntax of SET. An empty path finds only schema-qualified names."""
    return ", ".join(identifier(name.strip().strip('"')) for name in path.split(",") if name.strip()) or "''"


def event(text: str) -> str:
    """Return a trigger's event, `UPDATE OF a, b` with its columns quoted."""
    verb, _, columns = text.partition(" OF ")
    one_of("event of a trigger", verb, ("INSERT", "UPDATE", "DELETE", "TRUNCATE"))
    if not columns:
        return verb
    return f"{verb} OF {', '.join(identifier(column.strip()) for column in columns.split(','))}"
