"""Declarations of tenancy on mapped tables, and the base class that requires them.

Every table declares one of four kinds. A table without a declaration is a `DeclarationError`, and there is no default,
because a forgotten table would not be isolated. `Table.info` stores the declaration. Migrations, the audit and the unit
of work read it there, and never read Python classes.
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
from tenantry.tenancy.lookups import TenantLookup
from tenantry.tenancy.naming import complete_convention
from tenantry.tenancy.policy import as_tenant, setting_expression
from tenantry.tenancy.signed_context.accessor import claimed_tenant, keys_table

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


class Kind(enum.Enum):
    """The four declarations of a model, and the declaration of the toolkit's own table."""

    TENANT_SCOPED = "tenant_scoped"
    TENANT_ROOT = "tenant_root"
    SHARED = "shared"
    GLOBAL = "global"
    # For the owner only. No model can declare it.
    INTERNAL = "internal"

    @property
    def is_isolated(self) -> bool:
        """True if row security isolates the table's rows by tenant."""
        return self in {Kind.TENANT_SCOPED, Kind.TENANT_ROOT}


@dataclasses.dataclass(frozen=True, slots=True)
class Tenancy:
    """The tenant column and the setting with which a service identifies tenants.

    Attributes:
        column: the tenant column's name in every `TenantScoped` table.
        type: the tenant column's type: `String`, `Text`, `Uuid` or an integer type. Their equality operators are
            leakproof, so an index can be used together with a policy.
        setting: the transaction-local setting that contains the tenant.
        signed_context: True to sign the setting's value, so that injected SQL cannot set another tenant.
    """

    column: str = "tenant_id"
    type: TypeEngine[Any] = dataclasses.field(default_factory=lambda: String(100))
    setting: str = "app.current_tenant_id"
    signed_context: bool = False

    def __post_init__(self) -> None:
        """Check that `SET LOCAL` accepts the setting's name."""
        head, _, tail = self.setting.partition(".")
        if not (head.isidentifier() and tail.replace(".", "_").isidentifier()):
            raise errors.DeclarationError(
                f"{self.setting!r} is not a valid name of a custom setting.",
                why="PostgreSQL needs a prefix, a dot and a name.",
                remedy="Set Tenancy(setting=...) to a name such as app.current_tenant_id.",
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """The declaration of one table: kind, tenant column, the application's privileges, and tenant lookups.

    `partitions` is the number of hash partitions by tenant, 0 for a table without partitions.
    """

    kind: Kind
    tenant_column: str | None
    privileges: tuple[str, ...]
    lookups: tuple[TenantLookup, ...] = ()
    partitions: int = 0


class Isolated:
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


class Shared:
    """Mixin: all tenants share the rows; the application reads them, and the admin role writes them."""

    __kind__: ClassVar[Kind] = Kind.SHARED
    __privileges__: ClassVar[tuple[str, ...]] = ("SELECT",)


class Global:
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
        """Set the metadata of a service's base, and the tenant column and the declaration of a table."""
        if DeclarativeBase in cls.__bases__:
            if "metadata" not in vars(cls):
                cls.metadata = MetaData()
            complete_convention(cls.metadata)
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
                # Not by the declarative base's __setattr__, which would map the column a second time.
                type.__setattr__(cls, "__tenant__", _attribute_of(cls, table, key))


def _fill_tenant_column(cls: type[TenantBase]) -> None:
    """Map the tenant column: NOT NULL, with the setting that the unit of work binds as its default."""
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
    """Return the attribute that maps the tenant column. Its name may differ from the column's."""
    mapper: Mapper[Any] = inspect_mapped(cls)
    return getattr(cls, mapper.get_property_by_column(table.c[key]).key)


def declaration_of(table: Table) -> Declaration:
    """Return the declaration of `table`.

    Raises:
        DeclarationError: the table has no declaration.
    """
    declared = table.info.get(INFO_KEY)
    if not isinstance(declared, Declaration):
        raise errors.DeclarationError(
            f"Table {table.name!r} does not declare its tenancy.",
            why="Every tenant could read a table without a declaration.",
            remedy="Add TenantScoped, TenantRoot, Shared or Global to the bases of its model.",
        )
    return declared


def tenancy_of(metadata: MetaData) -> Tenancy:
    """Return the tenancy of the models in `metadata`."""
    tenancy = metadata.info.get(INFO_KEY)
    return tenancy if isinstance(tenancy, Tenancy) else Tenancy()
