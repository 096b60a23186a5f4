"""Quoting of identifiers and literals: the only module that inserts a name or a value into SQL text.

Where PostgreSQL accepts parameters, values are sent as parameters. This module is for names in DDL and for the literal
of `SET LOCAL`, which cannot be parameters.
"""

from __future__ import annotations

__all__ = ["identifier", "literal", "qualified"]

# NAMEDATALEN - 1 (manual, 4.1.1); PostgreSQL would cut a longer name, and two names could become one.
LONGEST_NAME = 63


def identifier(name: str) -> str:
    """Return `name` as a double-quoted identifier.

    Always quoted, so that a reserved word or a capital needs no special case (manual, 4.1.1).

    Raises:
        ValueError: the name is empty, holds a NUL, or is longer than the 63 bytes PostgreSQL keeps.
    """
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be an identifier: it is empty or holds a NUL character.")
    if len(name.encode()) > LONGEST_NAME:
        raise ValueError(f"{name!r} cannot be an identifier: PostgreSQL would cut it to {LONGEST_NAME} bytes.")
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """Return dotted, quoted identifiers, `"public"."items"`; empty parts are left out."""
    return ".".join(identifier(name) for name in names if name)


def literal(text: str) -> str:
    """Return `text` as a string constant that means the same whatever `standard_conforming_strings` says.

    A backslash switches to the `E''` form (manual, 4.1.2.2), as `quote_literal()` does in the server.

    Raises:
        ValueError: the text holds a NUL, which no text of PostgreSQL can.
    """
    if "\0" in text:
        raise ValueError("A string constant cannot hold a NUL character.")
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted
