"""The two sides of a comparison: the objects that the models declare, and the objects in the database.

Migrations and the audit both use this module, so that they find the same differences. The server chooses the names of
some sequences, and its own spelling of expressions and queries; the declared side gets these names and this spelling.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection, MetaData

from tenantry.postgres.catalog import DrawnSequence, read_draws, read_objects
from tenantry.postgres.objects import DatabaseObject, Domain, Enum, Grant, Schema, Sequence
from tenantry.postgres.respelling import respelled
from tenantry.postgres.tables.comparison import Comparison
from tenantry.tenancy.sequences import ColumnKey, SequenceKey, with_found_names
from tenantry.tenancy.types import with_found_spellings

__all__ = ["Sides", "read_sides"]


class Sides(NamedTuple):
    """The declared objects, the objects in the database, and the sequence of each column's default.

    `unknown` are declared objects whose text the role could not compare, so they have the server's. `authored` has the
    author's text of those that the server spells in another way.
    """

    declared: frozenset[DatabaseObject]
    found: frozenset[DatabaseObject]
    draws: dict[ColumnKey, DrawnSequence]
    unknown: frozenset[DatabaseObject] = frozenset()
    authored: Mapping[tuple[str, ...], DatabaseObject] = MappingProxyType({})


def read_sides(
    connection: Connection,
    metadata: MetaData,
    declared: frozenset[DatabaseObject],
    schemas: Collection[str],
    own: Collection[DatabaseObject] = (),
    used: Collection[SequenceKey] = (),
) -> Sides:
    """Read all objects in `schemas`, which contain the declared tables, and declared objects in other schemas.

    Args:
        connection: in a transaction.
        metadata: the declared tables.
        declared: the other declared objects.
        schemas: the schemas to read.
        own: the declared objects of the team, in any spelling.
        used: the types that tables in the database use.
    """
    draws: dict[ColumnKey, DrawnSequence] = {}
    for schema in schemas:
        draws.update(read_draws(connection, schema))
    declared = with_found_names(declared, metadata, draws)
    identities = {item.identity for item in declared}
    named = {key for item in declared if (key := _sequence_key(item)) is not None}
    found: set[DatabaseObject] = set()
    others = {item.name for item in declared if isinstance(item, Schema)} | {schema for schema, _ in used}
    others |= {getattr(item, "schema", "public") for item in declared}
    for schema in sorted({*schemas, *others}):
        items = read_objects(connection, schema)
        # In a schema without declared tables, other objects do not belong to this service.
        found |= (
            items
            if schema in schemas
            else {
                item
                for item in items
                if item.identity in identities or _sequence_key(item) in named or _type_key(item) in used
            }
        )
    declared = with_found_spellings(declared, frozenset(found), Comparison(connection))
    spelling = respelled(connection, declared, found, frozenset(own))
    return Sides(spelling.objects, frozenset(found), draws, spelling.unknown, spelling.authored)


def _sequence_key(item: DatabaseObject) -> SequenceKey | None:
    is_about_one = isinstance(item, Sequence) or (isinstance(item, Grant) and item.kind == "SEQUENCE")
    return (item.schema, item.name) if is_about_one else None  # type: ignore[attr-defined]


def _type_key(item: DatabaseObject) -> SequenceKey | None:
    return (item.schema, item.name) if isinstance(item, Enum | Domain) else None
