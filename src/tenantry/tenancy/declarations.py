"""What a mapped table says about its tenancy, and the base class that makes it say so.

Every table declares one of four kinds. A table that says nothing is a `DeclarationError`, never a default: the one
mistake that row security cannot forgive is the table somebody forgot. The declaration is kept in `Table.info`, where
migrations, the audit and the unit of work read it; they never read Python classes.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, MetaData, String, Table, column, text
from sqlalchemy import inspect as inspect_mapped
from sqlalchemy.orm import DeclarativeBase, Mapped, Mapper, mapped_column
from sqlalchemy.types import TypeEngine

from tenantry import errors, sql
from tenantry.tenancy.lookup import TenantLookup
from tenantry.tenancy.policy import as_tenant, setting_expression
from tenantry.tenancy.signature import claimed_tenant, keys_table

__all__ = [
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

INFO_KEY = "tenantry"

# Index and constraint names are spelt out, so that a downgrade can name what an upgrade made (Alembic, "The Importance
# of Naming Constraints").
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Kind(enum.Enum):
    """The four declarations a model can make, and that of the toolkit's own table."""

    TENANT_SCOPED = "tenant_scoped"
    TENANT_ROOT = "tenant_root"
    SHARED = "shared"
    GLOBAL = "global"
    # Of the owner alone; no model can declare it.
    INTERNAL = "internal"

    @property
    def is_isolated(self) -> bool:
        """Whether row security holds the table's rows apart."""
        return self in {Kind.TENANT_SCOPED, Kind.TENANT_ROOT}


@dataclasses.dataclass(frozen=True, slots=True)
class Tenancy:
    """How one service tells tenants apart.

    Attributes:
        column: the tenant column's name in every `TenantScoped` table.
        type: its type; `String`, `Text`, `Uuid` and the integers are supported, because their equality is leakproof and
            can therefore be an index condition ahead of a policy.
        setting: the transaction-local setting that carries the tenant.
        signed_context: whether what it carries is signed, so that SQL injected into the application's own statement
            cannot name another tenant.
    """

    column: str = "tenant_id"
    type: TypeEngine[Any] = dataclasses.field(default_factory=lambda: String(100))
    setting: str = "app.current_tenant_id"
    signed_context: bool = False

    def __post_init__(self) -> None:
        """Refuse a setting name that `SET LOCAL` could not take."""
        head, _, tail = self.setting.partition(".")
        if not (head.isidentifier() and tail.replace(".", "_").isidentifier()):
            raise errors.DeclarationError(
                f"{self.setting!r} cannot carry the tenant.",
                why="A custom setting is named like `app.current_tenant_id`.",
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """What one table says: its kind, its tenant column, what the application may do, and which keys lead to it.

    `partitions` is the number of partitions by tenant, 0 for a plain table.
    """

    kind: Kind
    tenant_column: str | None
    privileges: tuple[str, ...]
    lookups: tuple[TenantLookup, ...] = ()
    partitions: int = 0


class Isolated:
    """What `TenantScoped` and `TenantRoot` share: `__tenant__`, the mapped attribute that holds a row's tenant."""

    # A placeholder on the mixin itself, where SQLAlchemy tries out a loader criterion; each model sets its own
    # attribute.
    __tenant__: ClassVar[ColumnElement[Any]] = column("tenant")
    __lookups__: ClassVar[tuple[TenantLookup, ...]] = ()


class TenantScoped(Isolated):
    """Mixin: the rows belong to a tenant; `__partitions__` spreads them over so many partitions, a tenant in one."""

    __kind__: ClassVar[Kind] = Kind.TENANT_SCOPED
    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT", "UPDATE")
    __partitions__: ClassVar[int] = 0


class TenantRoot(Isolated):
    """Mixin: the row *is* the tenant.

    It sees itself only, and is created through the admin path unless the model grants INSERT.
    """

    __kind__: ClassVar[Kind] = Kind.TENANT_ROOT
    __privileges__: ClassVar[tuple[str, ...]] = ("SELECT", "UPDATE")


class Shared:
    """Mixin: the same rows for all tenants; the application reads them, the admin role writes them."""

    __kind__: ClassVar[Kind] = Kind.SHARED
    __privileges__: ClassVar[tuple[str, ...]] = ("SELECT",)


class Global:
    """Mixin: a table of a service that has no tenants."""

    __kind__: ClassVar[Kind] = Kind.GLOBAL
    __privileges__: ClassVar[tuple[str, ...]] = ("DELETE", "INSERT", "SELECT", "UPDATE")


class TenantBase:
    """Stands beside `DeclarativeBase` in the base of a service's models, and makes every table declare its tenancy.

    The base may say how the service tells tenants apart:

        class Base(TenantBase, DeclarativeBase):
            tenancy = Tenancy(column="organization_id", type=Uuid())

    A `TenantScoped` model need not write its tenant column; where it writes the bare annotation (`tenant_id:
    Mapped[str]`) type checkers know it too. A `TenantRoot` whose key is not the tenant column names it in
    `__tenant_key__`.
    """

    metadata: ClassVar[MetaData]
    tenancy: ClassVar[Tenancy] = Tenancy()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give a service's base its metadata, and a table its tenant column and its declaration."""
        if DeclarativeBase in cls.__bases__ and "metadata" not in vars(cls):
            cls.metadata = MetaData(naming_convention=NAMING_CONVENTION)
        kind: Kind | None = getattr(cls, "__kind__", None)
        if kind is Kind.TENANT_SCOPED and "__tablename__" in vars(cls):
            _fill_tenant_column(cls)
        super().__init_subclass__(**kwargs)
        table = vars(cls).get("__table__")
        if INFO_KEY not in cls.metadata.info:
            cls.metadata.info[INFO_KEY] = cls.tenancy
            if cls.tenancy.signed_context:
                keys_table(cls.metadata).info[INFO_KEY] = Declaration(Kind.INTERNAL, None, ())
        if kind is not None and isinstance(table, Table):
            key = getattr(cls, "__tenant_key__", cls.tenancy.column) if kind.is_isolated else None
            privileges = tuple(sorted(cls.__privileges__))  # type: ignore[attr-defined]
            lookups = tuple(getattr(cls, "__lookups__", ()))
            partitions: int = getattr(cls, "__partitions__", 0)
            table.info[INFO_KEY] = Declaration(kind, key, privileges, lookups, partitions)
            if partitions and key is not None:
                table.dialect_kwargs["postgresql_partition_by"] = f"HASH ({sql.identifier(key)})"
            if key is not None and key in table.c:
                # Past the declarative base's own __setattr__, which would map a second name for the column.
                type.__setattr__(cls, "__tenant__", _attribute_of(cls, table, key))


def _fill_tenant_column(cls: type[TenantBase]) -> None:
    """Map the tenant column: NOT NULL, and filled by the database from the setting that the unit of work bound."""
    name = cls.tenancy.column
    if name in vars(cls):
        return
    cls.__annotations__ = {**inspect.get_annotations(cls)}
    cls.__annotations__.setdefault(name, Mapped[Any])
    tenancy = cls.tenancy
    if tenancy.signed_context:
        default = as_tenant(claimed_tenant(tenancy.setting), tenancy.type)
    else:
        default = setting_expression(tenancy.setting, tenancy.type)
    setattr(cls, name, mapped_column(tenancy.type, nullable=False, server_default=text(default)))


def _attribute_of(cls: type[TenantBase], table: Table, key: str) -> Any:
    """Return the attribute that maps the tenant column, which may have another name than the column."""
    mapper: Mapper[Any] = inspect_mapped(cls)
    return getattr(cls, mapper.get_property_by_column(table.c[key]).key)


def declaration_of(table: Table) -> Declaration:
    """Return what `table` declares.

    Raises:
        DeclarationError: it declares nothing.
    """
    declared = table.info.get(INFO_KEY)
    if not isinstance(declared, Declaration):
        raise errors.DeclarationError(
            f"Table {table.name!r} does not say what it is.",
            why="A table without a declaration would be readable by every tenant.",
            remedy="Add TenantScoped, TenantRoot, Shared or Global to the bases of its model.",
        )
    return declared


def tenancy_of(metadata: MetaData) -> Tenancy:
    """Return how the service of `metadata` tells tenants apart."""
    tenancy = metadata.info.get(INFO_KEY)
    return tenancy if isinstance(tenancy, Tenancy) else Tenancy()
