"""Declare a table: store its declaration in `Table.info`, and complete its tenant column.

A model's table is declared when SQLAlchemy makes it. `Table(..., info={"tenancy": TenantScoped})` declares a table
without a model, when it joins its metadata.

The tenant column gets what its author left out, because only one completion is right: the tenancy's type, NOT NULL, and
the server default that reads the bound tenant.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, String, Table, text
from sqlalchemy.schema import DefaultClause
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

from tenantry import errors, sql
from tenantry.tenancy.completion import complete_references
from tenantry.tenancy.kinds import INFO_KEY, Declaration, Kind, Tenancy, declaration_of, tenancy_of

__all__ = ["DECLARED_BY", "declare_plain", "declare_table"]

# The key in `Table.info` with which an author declares a table: TenantScoped, a subclass of it, or a model.
DECLARED_BY = "tenancy"


def declare_table(table: Table, declared_by: Any) -> None:
    """Store the declaration that the class `declared_by` has, and complete the tenant column.

    Raises:
        DeclarationError: `declared_by` is not a declaration.
    """
    kind = getattr(declared_by, "__kind__", None)
    if not isinstance(kind, Kind):
        raise errors.DeclarationError(
            f"The info['{DECLARED_BY}'] of table {table.name!r} is {declared_by!r}, which is not a declaration.",
            remedy="Pass the class TenantScoped, TenantRoot, Shared or Global, or a subclass of one of them.",
        )
    key = _tenant_column(table, declared_by, kind)
    privileges = tuple(sorted(declared_by.__privileges__))
    lookups = tuple(getattr(declared_by, "__lookups__", ()))
    partitions: int = getattr(declared_by, "__partitions__", 0)
    table.info[INFO_KEY] = Declaration(kind, key, privileges, lookups, partitions)
    if partitions and key is not None:
        table.dialect_kwargs["postgresql_partition_by"] = f"HASH ({sql.identifier(key)})"
    if kind is Kind.TENANT_SCOPED and key is not None and key in table.c:
        _complete_column(table.c[key], tenancy_of(table.metadata))
    complete_references(table)


def declare_plain(table: Table, declared_by: Any) -> None:
    """Declare a table that its author made with Table(). Its tenant column is NOT NULL unless it says nullable=True."""
    declare_table(table, declared_by)
    declaration = declaration_of(table)
    column = table.c.get(declaration.tenant_column or "") if declaration.kind is Kind.TENANT_SCOPED else None
    if column is not None and column._user_defined_nullable is not True:  # noqa: SLF001  (SQLAlchemy has no public name)
        column.nullable = False


def _complete_column(column: Column[Any], tenancy: Tenancy) -> None:
    """Give a tenant column the type and the default of `tenancy`, where its author left them out."""
    if _is_open(column.type, tenancy.type):
        column.type = tenancy.type
    if column.server_default is None:
        default = DefaultClause(text(tenancy.default(column.type)))
        default.column = column
        column.server_default = default


def _tenant_column(table: Table, declared_by: Any, kind: Kind) -> str | None:
    """Return the name of the column with a row's tenant; the primary key of a `TenantRoot` that has no other."""
    if not kind.is_isolated:
        return None
    named: str | None = getattr(declared_by, "__tenant_key__", None)
    column = tenancy_of(table.metadata).column
    if named is None and kind is Kind.TENANT_ROOT and column not in table.c and len(table.primary_key.columns) == 1:
        return table.primary_key.columns[0].name
    return named or column


def _is_open(found: TypeEngine[Any], wanted: TypeEngine[Any]) -> bool:
    """Return True if a column's type says less than the tenancy's, as `Mapped[str]` does about the length."""
    if isinstance(found, TypeDecorator):
        # Such as SQLModel's type of every `str`.
        found = found.impl_instance
    if isinstance(found, NullType):
        return True
    if type(found) is String:
        return found.length is None and isinstance(wanted, String)
    return type(found) is Integer and isinstance(wanted, Integer)
