"""Indexes: the declared ones against those in the catalog, key by key.

An author can write the parts of a key (collation, operator class, order) as SQLAlchemy's options or within a text, such
as `text("made DESC")`. Both are read from the key's SQL, by the grammar of CREATE INDEX.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Index
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql.elements import ClauseElement, ColumnClause

from tenantry.postgres.tables.columns import Row
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import DIALECT, Key, as_sql, key_of

__all__ = ["IndexKey", "create_index", "declared_keys", "has_same_keys", "is_same_index", "same_options"]

# Bits of pg_index.indoption (catalog/pg_index.h).
_DESC, _NULLS_FIRST = 1, 2

_NULLS = re.compile(r"\s+NULLS\s+(FIRST|LAST)\s*$", re.IGNORECASE)
_ORDER = re.compile(r"\s+(ASC|DESC)\s*$", re.IGNORECASE)
_CLASS = re.compile(
    r'^("(?:[^"]|"")+"|\w+|.*\))\s+(?!COLLATE\b)(?:\w+\.)?(\w+)\s*(?:\([^()]*\))?\s*$', re.IGNORECASE | re.DOTALL
)
_COLLATE = re.compile(r'\s+COLLATE\s+(?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?\s*$', re.IGNORECASE)
_COLLATIONS = re.compile(r'\bCOLLATE\s+(?:"?\w+"?\.)?("[^"]+"|\w+)', re.IGNORECASE)


class IndexKey(NamedTuple):
    """One key: its expression without collation, its operator class ('' for the default), and the bits of its order."""

    expression: str
    operator_class: str
    order: int


def is_same_index(index: Index, row: Row, comparison: Comparison) -> bool:
    """Return whether the index in the catalog is the declared one."""
    assert index.table is not None
    options = index.dialect_options["postgresql"]
    method = (options.get("using") or "btree").lower()
    if (bool(index.unique), method) != (row["is_unique"], row["method"]):
        return False
    included = [getattr(item, "name", item) for item in options.get("include") or ()]
    rest = (included, bool(options.get("nulls_not_distinct")))
    if rest != (row["included"], row["is_nulls_not_distinct"]):
        return False
    if not same_options(options.get("with") or {}, row["options"]):
        return False
    if _collations(create_index(index)) != _collations(row["definition"]):
        return False
    key = key_of(index.table)
    where = options.get("where")
    if where is None or row["predicate"] is None:
        is_same_predicate = where is None and row["predicate"] is None
    else:
        is_same_predicate = comparison.is_same(key, as_sql(where), row["predicate"])
    return is_same_predicate and has_same_keys(key, declared_keys(index), row, comparison)


def has_same_keys(key: Key, declared: Iterable[IndexKey], row: Row, comparison: Comparison) -> bool:
    """Return whether the keys of an index in the catalog are the declared ones."""
    wanted = list(declared)
    if len(wanted) != len(row["keys"]):
        return False
    # A list, so that each key is compared, and the questions of all of them are sent together.
    answers = [
        (each.operator_class in ({there, ""} if is_default else {there}))
        and each.order == order
        and comparison.is_same(key, each.expression, _without_collation(expression))
        for each, expression, there, is_default, order in zip(
            wanted,
            row["keys"],
            row["all_classes"],
            [not name for name in row["classes"]],
            row["orders"],
            strict=False,
        )
    ]
    return all(answers)


def declared_keys(index: Index) -> Iterator[IndexKey]:
    """Yield the keys of a declared index."""
    classes = index.dialect_options["postgresql"].get("ops") or {}
    is_ordered = (index.dialect_options["postgresql"].get("using") or "btree").lower() == "btree"
    for item in index.expressions:
        given = classes.get(getattr(item, "key", None), "")
        yield parse_key(_key_sql(item), given, is_ordered=is_ordered)


def parse_key(sql: str, operator_class: str = "", *, is_ordered: bool = True) -> IndexKey:
    """Return the parts of one key of CREATE INDEX."""
    rest = sql.strip()
    nulls = _NULLS.search(rest)
    rest = rest[: nulls.start()] if nulls else rest
    order = _ORDER.search(rest)
    rest = rest[: order.start()] if order else rest
    named = _CLASS.match(rest)
    if named:
        rest, operator_class = named.groups()
    is_descending = order is not None and order[1].upper() == "DESC"
    is_first = nulls[1].upper() == "FIRST" if nulls else is_descending
    bits = (_DESC if is_descending else 0) | (_NULLS_FIRST if is_first else 0)
    name = re.sub(r"\s*\(.*$", "", operator_class).rpartition(".")[2]
    return IndexKey(_without_collation(rest), name, bits if is_ordered else 0)


def create_index(index: Index) -> str:
    """Return the statement that creates the index."""
    return str(CreateIndex(index).compile(dialect=DIALECT)).strip()


def same_options(declared: Mapping[str, Any], found: Iterable[str]) -> bool:
    """Return whether storage parameters are the declared ones; `found` has entries such as `fillfactor=70`."""
    wanted = {name.lower(): _option(value) for name, value in declared.items()}
    return wanted == {name: _option(value) for name, _, value in (entry.partition("=") for entry in found)}


def _option(value: object) -> str:
    spelled = str(value).lower()
    return {"true": "on", "false": "off", "none": "on"}.get(spelled, spelled)


def _key_sql(item: Any) -> str:
    """Return one key as SQLAlchemy's compiler of CREATE INDEX writes it."""
    if isinstance(item, ClauseElement) and not isinstance(item, ColumnClause):
        return as_sql(item.self_group())
    return as_sql(item)


def _without_collation(expression: str) -> str:
    """Return a key without parentheses around all of it, and without the collation within them."""
    bare = _COLLATE.sub("", expression.strip())
    while bare.startswith("(") and _closes_at_the_end(bare):
        bare = _COLLATE.sub("", bare[1:-1].strip())
    return bare


def _closes_at_the_end(text: str) -> bool:
    """Return whether the first parenthesis closes with the last character; quoted parts do not count."""
    depth = 0
    plain = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", lambda quoted: "_" * len(quoted.group()), text)
    for position, character in enumerate(plain):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(plain) - 1
    return False


def _collations(statement: str) -> list[str]:
    return [name.strip('"').lower() for name in _COLLATIONS.findall(statement)]
