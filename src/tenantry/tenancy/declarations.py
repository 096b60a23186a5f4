"""Declarations of tenancy on models, and the base class that requires them.

Every table declares one of four kinds. A table without a declaration is a `DeclarationError`, and there is no default,
because a forgotten table would not be isolated. `kinds` describes a declaration, `declared_table` stores it in
`Table.info`.

SQLAlchemy calls a model's `__table_cls__` to make its table. The hook of the mixins adds the tenant column there. So it
does not depend on how the model is written: by a base class in any order, a mixin, a `declared_attr` or a dataclass.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, MetaData, Table, column, event
from sqlalchemy.orm import DeclarativeBase, Mapper

from tenantry.tenancy import relationships
from tenantry.tenancy.completion import complete
from tenantry.tenancy.declared_table import DECLARED_BY, declare_plain, declare_table
from tenantry.tenancy.kinds import INFO_KEY, Declaration, Kind, Tenancy, declaration_of, tenancy_of
from tenantry.tenancy.lookups import TenantLookup
from tenantry.tenancy.model_columns import map_annotated, with_tenant_column
from tenantry.tenancy.naming import complete_convention
from tenantry.tenancy.signed_context.accessor import keys_table

__all__ = [
    "INFO_KEY",
    "Declaration",
    "Global",
    "Isolated",
    "Kind",
    "Shared",
    "Tenancy",
    "TenantBase",
    "TenantRoot",
    "TenantScoped",
    "declaration_of",
    "tenancy_of",
]


class _Declared:
    """The base of the four mixins: makes the table of a model, with its declaration."""

    __kind__: ClassVar[Kind]
    __privileges__: ClassVar[tuple[str, ...]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Map the tenant column that a model only annotates."""
        map_annotated(cls)
        super().__init_subclass__(**kwargs)

    @classmethod
    def __table_cls__(cls, name: str, metadata: MetaData, *items: Any, **options: Any) -> Table:
        """Make the table of a model. SQLAlchemy calls it with the columns and the `__table_args__`."""
        if cls.__kind__ is Kind.TENANT_SCOPED:
            items = with_tenant_column(cls, tenancy_of(metadata), items)
        table = Table(name, metadata, *items, **options)
        declare_table(table, cls)
        return table


class Isolated(_Declared):
    """The base of `TenantScoped` and `TenantRoot`: `__tenant__` is the mapped attribute with a row's tenant."""

    # A placeholder on the mixin, where SQLAlchemy evaluates a loader criterion. Each model sets its own attribute.
    __tenant__: ClassVar[ColumnElement[Any]] = column("tenant")
    __lookups__: ClassVar[tuple[TenantLookup, ...]] = ()


class TenantScoped(Isolated):
    """Mixin: each row belongs to a tenant. `__partitions__` is the number of hash partitions by tenant."""

    __kind__: ClassVar[Kind] = Kind.TENANT_SCOPED
    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT", "UPDATE")
    __partitions__: ClassVar[int] = 0


class TenantRoot(Isolated):
    """Mixin: each row is a tenant.

    A tenant reads only its own row. An admin session inserts the row, unless the model grants INSERT.
    """

    __kind__: ClassVar[Kind] = Kind.TENANT_ROOT
    __privileges__: ClassVar[tuple[str, ...]] = ("SELECT", "UPDATE")


class Shared(_Declared):
    """Mixin: all tenants share the rows; the application reads them, and the admin role writes them."""

    __kind__: ClassVar[Kind] = Kind.SHARED
    __privileges__: ClassVar[tuple[str, ...]] = ("SELECT",)


class Global(_Declared):
    """Mixin: a table of a service that has no tenants."""

    __kind__: ClassVar[Kind] = Kind.GLOBAL
    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT", "UPDATE")


class TenantBase:
    """A base class beside `DeclarativeBase` for a service's models; every table then declares its tenancy.

    The subclass may set the tenant column and its type:

        class Base(TenantBase, DeclarativeBase):
            tenancy = Tenancy(column="organization_id", type=Uuid())

    A `TenantScoped` model gets its tenant column by itself. The annotation alone (`tenant_id: Mapped[str]`) makes it
    known to type checkers. A `TenantRoot` whose key column has another name sets `__tenant_key__`.
    """

    metadata: ClassVar[MetaData]
    tenancy: ClassVar[Tenancy] = Tenancy()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Set the metadata of a service's base, and store the tenancy in it before any table is made."""
        if DeclarativeBase in cls.__bases__ and "metadata" not in vars(cls):
            cls.metadata = MetaData()
        # SQLAlchemy makes it before this hook for declarative_base(), and where DeclarativeBase is the first base.
        metadata: MetaData | None = getattr(cls, "metadata", None)
        if metadata is not None and INFO_KEY not in metadata.info:
            if not metadata.tables:
                complete_convention(metadata)
            metadata.info[INFO_KEY] = cls.tenancy
            if cls.tenancy.signed_context:
                keys_table(metadata).info[INFO_KEY] = Declaration(Kind.INTERNAL, None, ())
        super().__init_subclass__(**kwargs)


def _finish_model(mapper: Mapper[Any], model: type[Any]) -> None:
    """Declare the table of a model that brings its own `Table`, and set the attribute with a row's tenant."""
    if not issubclass(model, _Declared):
        return
    source = mapper.local_table
    if isinstance(source, Table) and INFO_KEY not in source.info:
        declare_plain(source, model)
    if not issubclass(model, Isolated):
        return
    # The selectable of an AbstractConcreteBase is the union of its children's tables.
    tenancy: Tenancy = getattr(model, "tenancy", Tenancy())
    key = declaration_of(source).tenant_column if isinstance(source, Table) else tenancy.column
    if key is not None and key in source.c:
        column = source.c[key]
        is_mapped = column in mapper.columns.values()
        # Not by the declarative base's __setattr__, which would map the column a second time.
        type.__setattr__(
            model, "__tenant__", getattr(model, mapper.get_property_by_column(column).key) if is_mapped else column
        )


def _finish_plain(table: Table, _metadata: MetaData) -> None:
    if DECLARED_BY in table.info:
        declare_plain(table, table.info[DECLARED_BY])


def _finish_metadata(metadata: MetaData, *_: Any, **_options: Any) -> None:
    """Complete the tables that `create_all` makes, as a migration would make them."""
    if INFO_KEY in metadata.info:
        complete(metadata)


event.listen(Mapper, "after_mapper_constructed", _finish_model)
event.listen(MetaData, "before_create", _finish_metadata)
event.listen(Mapper, "before_mapper_configured", relationships.complete_relationships)
event.listen(Table, "after_parent_attach", _finish_plain)
