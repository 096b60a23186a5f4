"""Which objects need which others: the order of creation, and what a replacement of an object takes with it.

PostgreSQL drops the privileges, triggers and comment of a view with it, and refuses to drop an object that another one
uses. SQL is not parsed for this: an object uses another one if its text contains the other's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tenantry.postgres.objects import Comment, DatabaseObject, Function, Grant, Policy, Trigger, View

__all__ = ["in_order", "is_attached", "mentions", "text_of", "uses"]


def in_order(items: Iterable[DatabaseObject]) -> list[DatabaseObject]:
    """Return the objects in an order in which they can be created."""
    waiting = sorted(items)
    found: dict[tuple[str, ...], DatabaseObject] = {}

    def place(item: DatabaseObject, above: frozenset[tuple[str, ...]]) -> None:
        for other in waiting if isinstance(item, Function | View) else ():
            is_needed = other.rank == item.rank and other.identity not in {item.identity, *above, *found}
            if is_needed and uses(item, other):
                place(other, above | {item.identity})
        found.setdefault(item.identity, item)

    for item in waiting:
        place(item, frozenset())
    return list(found.values())


def is_attached(item: DatabaseObject, other: DatabaseObject) -> bool:
    """Return True if PostgreSQL drops `item` together with `other`."""
    if isinstance(item, Comment):
        return item.identity == _comment_of(other)
    if not isinstance(other, View) or not isinstance(item, Grant | Trigger) or item.schema != other.schema:
        return False
    return item.table == other.name if isinstance(item, Trigger) else (item.kind, item.name) == ("TABLE", other.name)


def uses(item: DatabaseObject, other: DatabaseObject) -> bool:
    """Return True if PostgreSQL does not drop `other` while `item` exists, as far as their texts tell."""
    if isinstance(item, Trigger):
        schema, _, name = item.function.rpartition(".")
        return isinstance(other, Function) and (schema or item.schema, name) == (other.schema, other.name)
    return isinstance(other, Function | View) and mentions(text_of(item), other.name)


def mentions(text: str, name: str) -> bool:
    """Return True if the text contains the name as a word."""
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) is not None


def text_of(item: DatabaseObject) -> str:
    """Return the SQL in an object that may name other objects and columns."""
    match item:
        case Function():
            return f"{item.arguments} {item.returns} {item.body}"
        case View():
            return item.query
        case Policy():
            return f"{item.using} {item.check}"
        case Trigger():
            return f"{' '.join(item.events)} {item.when}"
    return ""


def _comment_of(item: DatabaseObject) -> tuple[str, ...]:
    """Return the identity of the object's comment."""
    match item:
        case Function():
            return Comment("FUNCTION", f"{item.name}({item.signature})", "", schema=item.schema).identity
        case View():
            return Comment("VIEW", item.name, "", schema=item.schema).identity
        case Policy():
            return Comment("POLICY", item.name, "", item.table, item.schema).identity
        case Trigger():
            return Comment("TRIGGER", item.name, "", item.table, item.schema).identity
    return ()
