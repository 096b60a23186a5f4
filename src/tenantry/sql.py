"""Quoting of identifiers and literals: the only module that inserts a name or a value into SQL text.

Where PostgreSQL accepts parameters, values are sent as parameters. This module is for names in DDL and for the literal
of `SET LOCAL`, which cannot be parameters.
"""

from __future__ import annotations

import hashlib
import re

__all__ = ["LONGEST_NAME", "as_printed", "identifier", "literal", "qualified", "shortened"]

# NAMEDATALEN - 1 (manual, 4.1.1); PostgreSQL would cut a longer name, and two names could become one.
LONGEST_NAME = 63

# With eight digits, two of a hundred thousand names that begin alike become the same name with probability one half.
HASH_DIGITS = 8

# The keywords that the server quotes when it prints them as names (`quote_identifier` in its utils/adt/ruleutils.c).
# They are the keywords of pg_get_keywords() that are not unreserved.
_KEYWORDS = """
all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case
cast char character check coalesce collate collation column concurrently constraint create cross current_catalog
current_date current_role current_schema current_time current_timestamp current_user dec decimal default
deferrable desc distinct do else end except exists extract false fetch float for foreign freeze from full grant
greatest group grouping having ilike in initially inner inout int integer intersect interval into is isnull join
json json_array json_arrayagg json_exists json_object json_objectagg json_query json_scalar json_serialize
json_table json_value lateral leading least left like limit localtime localtimestamp merge_action national
natural nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay
placing position precision primary real references returning right row select session_user setof similar
smallint some substring symmetric system_user table tablesample then time timestamp to trailing treat trim true
union unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat
xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
KEYWORDS = frozenset(_KEYWORDS.split())


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
