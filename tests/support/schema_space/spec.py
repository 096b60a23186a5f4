"""A schema as data: what a team would write as models. Parts are source text or names, so that they can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Check", "Column", "Enum", "Index", "Reference", "Schema", "Table", "Unique"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        attribute: the name of the mapped attribute.
        name: the name of the column.
        type: the name of a type in `types.TYPES`, or `enum:` and the name of one of the schema's enums.
        default: the source of a `server_default`.
        identity: the source of an `Identity(...)`, a `Sequence(...)` or a `Computed(...)`.
        options: further arguments of `mapped_column`, as source.
    """

    attribute: str
    name: str
    type: str
    nullable: bool = False
    default: str = ""
    identity: str = ""
    comment: str = ""
    options: str = ""

    @property
    def is_generated(self) -> bool:
        """Whether only the database writes the column."""
        return self.identity.startswith("sa.Computed")


@dataclass(frozen=True)
class Reference:
    """A foreign key to the key of another table.

    Attributes:
        columns: attributes of the columns, without the tenant column.
        target: the class of the table.
        options: further arguments, as source.
        is_relationship: the model has a relationship over it.
        has_tenant: it contains the tenant, where both tables have one.
        is_inline: it is written as `ForeignKey` in its one column.
    """

    columns: tuple[str, ...]
    target: str
    options: str = ""
    is_relationship: bool = False
    has_tenant: bool = True
    is_inline: bool = False


@dataclass(frozen=True)
class Index:
    """An index; `parts` are source: attributes, or expressions of them."""

    parts: tuple[str, ...]
    columns: tuple[str, ...]
    options: str = ""
    name: str = ""


@dataclass(frozen=True)
class Check:
    """A CHECK constraint; `sql` names the columns as PostgreSQL does."""

    name: str
    sql: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Unique:
    """A unique key over attributes; the tenant column is `None`."""

    columns: tuple[str | None, ...]
    options: str = ""
    name: str = ""


@dataclass(frozen=True)
class Enum:
    """A type of PostgreSQL's with labels; as a class of Python's, or as strings."""

    name: str
    labels: tuple[str, ...]
    is_class: bool = False
    schema: str = ""


@dataclass(frozen=True)
class Table:
    """One model.

    Attributes:
        cls: the class.
        kind: `TenantScoped`, `TenantRoot`, `Shared` or `Global`.
        key: the attributes of the primary key in their order; the tenant column is `None`.
        identity: the attributes by which others refer to it, without the tenant column.
        tenant: how the tenant column is written: `annotation`, `nothing`, or the arguments of `mapped_column`.
        is_inline: the key is written as `primary_key=True` on its columns.
        mixins: further bases.
        parent: the class of its parent, for joined inheritance.
        tenant_key: the tenant column of a root, if it has a name of its own.
        settings: further assignments of the class, as source.
    """

    cls: str
    name: str
    kind: str
    key: tuple[str | None, ...]
    columns: tuple[Column, ...]
    identity: tuple[str, ...] = ()
    schema: str = ""
    tenant: str = "annotation"
    mixins: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    indexes: tuple[Index, ...] = ()
    checks: tuple[Check, ...] = ()
    uniques: tuple[Unique, ...] = ()
    comment: str = ""
    parent: str = ""
    discriminator: str = ""
    single: tuple[Table, ...] = ()
    tenant_key: str = ""
    settings: tuple[str, ...] = ()
    is_inline: bool = False

    def column(self, attribute: str) -> Column:
        """Return a column by its attribute."""
        return next(item for item in self.columns if item.attribute == attribute)

    def used(self) -> Iterator[str]:
        """Yield the attributes that something of the table needs."""
        yield from (name for name in self.key if name is not None)
        yield from self.identity
        yield self.discriminator
        for reference in self.references:
            yield from reference.columns
        for unique in self.uniques:
            yield from (name for name in unique.columns if name is not None)
        for index in self.indexes:
            yield from index.columns
        for check in self.checks:
            yield from check.columns


@dataclass(frozen=True)
class Schema:
    """The models of one service."""

    tenant_column: str = "tenant_id"
    tenant_type: str = "sa.String(100)"
    setting: str = ""
    tables: tuple[Table, ...] = ()
    enums: tuple[Enum, ...] = ()
    extensions: tuple[str, ...] = ()
    is_signed: bool = False

    def table(self, cls: str) -> Table:
        """Return a table by its class."""
        return next(item for item in self.tables if item.cls == cls)
