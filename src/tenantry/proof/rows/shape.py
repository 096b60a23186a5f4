"""What a row of a table must look like: the types of its columns, and the constraints that it must meet.

Both are read from the live catalog and not from the models. The database enforces what its catalog holds, also where a
migration and a model have drifted apart, and it knows types that SQLAlchemy does not know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from tenantry import errors
from tenantry.postgres.connection import Connection
from tenantry.postgres.statements import load_statements

__all__ = ["Column", "Constraint", "Key", "Shape", "Type", "read_shapes"]

_STATEMENTS = load_statements(__package__ or "", "shape.sql")

# Schema and table.
Key: TypeAlias = tuple[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    """A type with its modifier. A domain is replaced by its base type.

    Attributes:
        name: of the base type, as in pg_type: `varchar`, `int4`, `vector`.
        kind: pg_type's: b(ase), e(num), r(ange), m(ultirange), c(omposite), p(seudo).
        modifier: as in pg_attribute, -1 if there is no modifier: a length, a precision, the dimensions of a vector.
        labels: of an enum, in their order.
        element: the type of an array's elements.
        bound: the type of a range's bounds.
        fields: the types of a composite type's columns.
        domains: the domains that were replaced, with the definitions of their checks by name.
    """

    name: str
    kind: str
    modifier: int = -1
    labels: tuple[str, ...] = ()
    element: Type | None = None
    bound: Type | None = None
    fields: tuple[Type, ...] = ()
    is_not_null: bool = False
    domains: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether a value is a string of characters."""
        return self.name in {"text", "varchar", "bpchar", "citext", "name", "char"}

    @property
    def all_domains(self) -> Mapping[str, Mapping[str, str]]:
        """The domains of the type and of its parts."""
        parts = [part for part in (self.element, self.bound, *self.fields) if part is not None]
        return {**self.domains, **{name: checks for part in parts for name, checks in part.all_domains.items()}}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """A column that INSERT may name."""

    name: str
    type: Type
    is_not_null: bool
    has_default: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint or a unique index.

    Attributes:
        kind: as in pg_constraint: c(heck), f(oreign), p(rimary), u(nique), x(clude).
        target: the table that a foreign key refers to.
        is_full: a foreign key is MATCH FULL: all its columns are NULL, or all have a value.
        is_deferrable: SET CONSTRAINTS may put off its check to the end of the transaction.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    definition: str
    target: Key = ("", "")
    target_columns: tuple[str, ...] = ()
    is_full: bool = False
    is_deferrable: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One table; `generated` are the columns that only the database may write."""

    key: Key
    columns: Mapping[str, Column]
    constraints: tuple[Constraint, ...]
    generated: tuple[str, ...] = ()

    @property
    def references(self) -> tuple[Constraint, ...]:
        """Its foreign keys. Those with the most columns come first, because they leave the least choice."""
        found = [item for item in self.constraints if item.kind == "f"]
        return tuple(sorted(found, key=lambda item: -len(item.columns)))

    @property
    def checks(self) -> tuple[Constraint, ...]:
        """Its CHECK constraints. The checks of domains are part of the types."""
        return tuple(item for item in self.constraints if item.kind == "c")

    @property
    def unique_keys(self) -> tuple[Constraint, ...]:
        """Its primary key, unique keys and exclusion constraints."""
        return tuple(item for item in self.constraints if item.kind in {"p", "u", "x"})

    def may_be_null(self, reference: Constraint) -> bool:
        """Return whether a row may leave a reference empty."""
        nullable = [not self.columns[name].is_not_null for name in reference.columns if name in self.columns]
        return all(nullable) if reference.is_full else any(nullable)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of its primary key; empty without one."""
        return next((item.columns for item in self.constraints if item.kind == "p"), ())


async def read_shapes(connection: Connection, tables: Iterable[Key]) -> dict[Key, Shape]:
    """Return the shapes of the tables, and of every table that they refer to, directly or not.

    Raises:
        ConfigurationError: a table does not exist.
    """
    shapes: dict[Key, Shape] = {}
    missing = set(tables)
    while missing:
        read = await _read(connection, sorted(missing))
        shapes |= read
        targets = {reference.target for shape in read.values() for reference in shape.references}
        missing = targets - set(shapes)
    return shapes


async def _read(connection: Connection, tables: list[Key]) -> dict[Key, Shape]:
    wanted = [schema for schema, _ in tables], [name for _, name in tables]
    columns = await connection.fetch(_STATEMENTS["columns"], *wanted)
    for schema, name in set(tables) - {_key(row) for row in columns}:
        raise errors.ConfigurationError(
            f"The database has no table {schema}.{name}.", remedy="Migrate it to the newest revision."
        )
    types = await _read_types(connection, {row["type"] for row in columns})
    constraints = [
        *await connection.fetch(_STATEMENTS["constraints"], *wanted),
        *await connection.fetch(_STATEMENTS["unique_indexes"], *wanted),
    ]
    return {
        key: Shape(
            key,
            {row["name"]: _column(row, types) for row in columns if _key(row) == key and not row["is_generated"]},
            tuple(_constraint(row) for row in constraints if _key(row) == key),
            tuple(row["name"] for row in columns if _key(row) == key and row["is_generated"]),
        )
        for key in tables
    }


async def _read_types(connection: Connection, oids: set[int]) -> dict[int, dict[str, Any]]:
    rows = {row["oid"]: dict(row) for row in await connection.fetch(_STATEMENTS["types"], sorted(oids))}
    for row in await connection.fetch(_STATEMENTS["domain_checks"], sorted(rows)):
        rows[row["type"]].setdefault("checks", {})[row["name"]] = row["definition"]
    return rows


def _key(row: Mapping[str, Any]) -> Key:
    return row["schema"], row["table"]


def _column(row: Mapping[str, Any], types: Mapping[int, dict[str, Any]]) -> Column:
    kind = _type(row["type"], row["modifier"], types)
    return Column(row["name"], kind, row["is_not_null"] or kind.is_not_null, row["has_default"])


def _type(oid: int, modifier: int, types: Mapping[int, dict[str, Any]]) -> Type:
    row = types[oid]
    if row["kind"] == "d":
        base = _type(row["base"], row["modifier"], types)
        domains = {**base.domains, row["name"]: row.get("checks", {})}
        return dataclasses.replace(base, domains=domains, is_not_null=base.is_not_null or row["is_not_null"])
    return Type(
        row["name"],
        row["kind"],
        modifier,
        tuple(row["labels"]),
        # An array's modifier is that of its elements.
        _type(row["element"], modifier, types) if row["element"] else None,
        _type(row["bound"], -1, types) if row["bound"] else None,
        tuple(_type(*field, types) for field in zip(row["fields"], row["field_modifiers"], strict=True)),
    )


def _constraint(row: Mapping[str, Any]) -> Constraint:
    return Constraint(
        row["name"],
        row["kind"],
        tuple(dict.fromkeys(row["columns"])),
        row["definition"],
        (row["target_schema"] or "", row["target"] or ""),
        tuple(row["target_columns"]),
        row["is_full"],
        row["is_deferrable"],
    )
