"""The two sides of a comparison: the objects that the models declare, and the objects in the database.

Migrations and the audit both use this module, so that they find the same differences. The server chooses the names of
some sequences and spells expressions in its own way; the declared side gets these names and spellings.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, MetaData

from tenantry.postgres.catalog import DrawnSequence, read_draws, read_objects
from tenantry.postgres.objects import DatabaseObject, Domain, Enum, Grant, Sequence
from tenantry.postgres.tables.comparison import Comparison
from tenantry.tenancy.sequences import ColumnKey, SequenceKey, with_found_names
from tenantry.tenancy.types import with_found_spellings

__all__ = ["Sides", "read_sides"]


class Sides(NamedTuple):
    """The declared objects, the objects in the database, and the sequence of each column's default."""

    declared: frozenset[DatabaseObject]
    found: frozenset[DatabaseObject]
    draws: dict[ColumnKey, DrawnSequence]


def read_sides(
    connection: Connection,
    metadata: MetaData,
    declared: frozenset[DatabaseObject],
    schemas: Collection[str],
    used: Collection[SequenceKey] = (),
) -> Sides:
    """Read all objects in `schemas`, which contain the declared tables, and what these use from other schemas.

    `used` are the types that the tables in the database use.
    """
    draws: dict[ColumnKey, DrawnSequence] = {}
    for schema in schemas:
        draws.update(read_draws(connection, schema))
    declared = with_found_names(declared, metadata, draws)
    named = {key for item in declared if (key := _name_of(item)) is not None}
    named.update(used)
    found: set[DatabaseObject] = set()
    for schema in sorted({*schemas, *(schema for schema, _ in named)}):
        items = read_objects(connection, schema)
        # In a schema without declared tables, other objects do not belong to this service.
        found |= items if schema in schemas else {item for item in items if _name_of(item) in named}
    spelled = with_found_spellings(declared, frozenset(found), Comparison(connection))
    return Sides(spelled, frozenset(found), draws)


def _name_of(item: DatabaseObject) -> SequenceKey | None:
    """Return the schema and the name of an object that a declared table can use from another schema."""
    is_usable = isinstance(item, Sequence | Enum | Domain) or (isinstance(item, Grant) and item.kind == "SEQUENCE")
    return (item.schema, item.name) if is_usable else None  # type: ignore[attr-defined]
