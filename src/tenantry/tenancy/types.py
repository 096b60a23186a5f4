"""The enums, domains and extensions that the types of declared columns need.

SQLAlchemy creates an enum or a domain with the first table that uses it, and drops it with a table. Alembic drops it
never. So both are objects of their own, which migrations create before tables and drop after them. `create_type=False`
makes no difference: it says that another table creates the type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import TypeEngine

from tenantry import errors
from tenantry.postgres.objects import DatabaseObject, Domain, Enum, Extension
from tenantry.postgres.tables.comparison import Comparison
from tenantry.postgres.tables.compiling import DEFAULT_SCHEMA, as_sql, column_type, resolve

__all__ = ["declared_types", "with_found_spellings"]

# The extension that makes a type, by the type's name in SQLAlchemy. Other types can have several extensions.
_EXTENSIONS = {
    **dict.fromkeys(("vector", "halfvec", "sparsevec"), "vector"),
    **{name: name for name in ("citext", "hstore", "ltree")},
}


def declared_types(metadata: MetaData) -> Iterator[DatabaseObject]:
    """Yield the enums and domains of all columns, and the extensions that their types need.

    Raises:
        DeclarationError: two columns declare different types under one name.
    """
    found: dict[tuple[str, ...], tuple[DatabaseObject, str]] = {}
    for table in metadata.tables.values():
        for column in table.columns:
            place = f"{table.fullname}.{column.name}"
            for item in _objects_of(column.type):
                known, first = found.setdefault(item.identity, (item, place))
                if known != item:
                    raise errors.DeclarationError(
                        f"{first} and {place} declare the {item} in two ways.",
                        why=f"They declare {known!r} and {item!r}.",
                        remedy="Use one type object for both columns, or give one of the types another name.",
                    )
    yield from (item for item, _ in found.values())


def with_found_spellings(
    declared: frozenset[DatabaseObject], found: frozenset[DatabaseObject], comparison: Comparison
) -> frozenset[DatabaseObject]:
    """Return the declared objects, with the server's spelling of each part of a domain that means the same."""
    there = {item.identity: item for item in found if isinstance(item, Domain)}
    while True:
        spelled = frozenset(_spelled(item, there, comparison) for item in declared)
        if not comparison.settle():
            return spelled


def _objects_of(item: TypeEngine[Any]) -> Iterator[DatabaseObject]:
    plain = resolve(item)
    extension = _EXTENSIONS.get(plain.__visit_name__.lower())
    if extension:
        yield Extension(extension)
    if isinstance(plain, sa.ARRAY):
        yield from _objects_of(plain.item_type)
    elif isinstance(plain, DOMAIN):
        yield from _objects_of(plain.data_type)
        yield _domain(plain)
    elif isinstance(plain, sa.Enum) and plain.native_enum and plain.name:
        yield Enum(str(plain.name), tuple(map(str, plain.enums)), str(plain.schema or DEFAULT_SCHEMA))


def _domain(item: DOMAIN) -> Domain:
    below = column_type(item.data_type)
    name = str(item.constraint_name or f"{item.name}_check")
    schema = f'"{item.collation_schema}".' if item.collation_schema else ""
    return Domain(
        str(item.name),
        below.sql,
        str(item.schema or DEFAULT_SCHEMA),
        collation=f'{schema}"{item.collation}"' if item.collation else below.collation,
        default=None if item.default is None else as_sql(item.default),
        not_null=bool(item.not_null),
        checks=() if item.check is None else (name, as_sql(item.check)),
    )


def _spelled(item: DatabaseObject, there: dict[tuple[str, ...], Domain], comparison: Comparison) -> DatabaseObject:
    found = there.get(item.identity)
    if not isinstance(item, Domain) or found is None:
        return item
    data_type = found.data_type if comparison.is_same_type(item.data_type, found.data_type) else item.data_type
    default = item.default
    if default is not None and found.default is not None:
        is_same = comparison.is_same_value(data_type, default, found.default)
        default = found.default if is_same else default
    checks: list[str] = []
    for name, check in item.constraints.items():
        known = found.constraints.get(name)
        is_same = known is not None and comparison.is_same_check(data_type, check, known)
        checks += (name, known if is_same and known is not None else check)
    collation = found.collation if _bare(found.collation) == _bare(item.collation) else item.collation
    return Domain(item.name, data_type, item.schema, collation, default, item.not_null, tuple(checks))


def _bare(collation: str) -> str:
    return collation.rpartition(".")[2].strip('"')
