"""Quoting of identifiers and literals: the only module that inserts a name or a value into SQL text.

Where PostgreSQL accepts parameters, values are sent as parameters. This module is for names in DDL and for the literal
of `SET LOCAL`, which cannot be parameters.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

__all__ = ["LONGEST_NAME", "as_printed", "identifier", "literal", "qualified", "shortened"]

# NAMEDATALEN - 1 (manual, 4.1.1); PostgreSQL would cut a longer name, and two names could become one.
LONGEST_NAME = 63

# With eight digits, two of a hundred thousand names that begin alike become the same name with probability one half.
HASH_DIGITS = 8

# The keywords that the server quotes when it prints them as names (`quote_identifier` in its utils/adt/ruleutils.c).
# They are the keywords of pg_get_keywords() of PostgreSQL 18 that are not unreserved.
KEYWORDS = frozenset(files("tenantry").joinpath("keywords.txt").read_text(encoding="ascii").split())


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


def shortened(name: str) -> str:
    """Return a name that is made of other names, in at most 63 bytes.

    A longer name is cut, and ends with a hash of the whole name, so that names that begin alike stay different. It is
    for names that the toolkit chooses; a name that a user gives is never changed.
    """
    if len(name.encode()) <= LONGEST_NAME:
        return name
    digits = hashlib.sha256(name.encode()).hexdigest()[:HASH_DIGITS]
    return f"{name.encode()[: LONGEST_NAME - HASH_DIGITS - 1].decode(errors='ignore')}_{digits}"


def as_printed(name: str) -> str:
    """Return an identifier as the server prints it: quoted only if it has to be (`quote_ident`)."""
    is_plain = re.fullmatch("[a-z_][a-z0-9_]*", name) is not None and name not in KEYWORDS
    return name if is_plain else identifier(name)


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
