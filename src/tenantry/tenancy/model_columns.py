"""The tenant column of a model: mapped, added or completed before SQLAlchemy makes the model's table.

Later would be too late: the constraints in `__table_args__` name the column, and a dataclass makes an argument of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Integer
from sqlalchemy.orm import MappedAsDataclass, MappedColumn, mapped_column

from tenantry.tenancy.kinds import Kind, Tenancy

__all__ = ["map_annotated", "with_tenant_column"]


def map_annotated(cls: type[Any]) -> None:
    """Map the tenant column of a model that only annotates it: `tenant_id: Mapped[str]`.

    The type is the tenancy's, so the annotation may be any type. In a dataclass the column is no argument of
    `__init__`, because the database fills it.
    """
    tenancy: Tenancy | None = getattr(cls, "tenancy", None)
    if getattr(cls, "__kind__", None) is not Kind.TENANT_SCOPED or tenancy is None:
        return
    name = tenancy.column
    is_dataclass = issubclass(cls, MappedAsDataclass)
    mapped = vars(cls).get(name)
    if mapped is None and name in inspect.get_annotations(cls) and ("__tablename__" in vars(cls) or is_dataclass):
        mapped = mapped_column(tenancy.type, nullable=False)
        setattr(cls, name, mapped)
    if is_dataclass and isinstance(mapped, MappedColumn):
        _leave_out_of_init(mapped)


def _leave_out_of_init(mapped: MappedColumn[Any]) -> None:
    unset = mapped_column()._attribute_options.dataclasses_init  # noqa: SLF001  (SQLAlchemy has no public name)
    options = mapped._attribute_options  # noqa: SLF001
    if options.dataclasses_init is unset:
        mapped._attribute_options = options._replace(dataclasses_init=False)  # noqa: SLF001
        mapped._has_dataclass_arguments = True  # noqa: SLF001


def with_tenant_column(cls: type[Any], tenancy: Tenancy, items: Iterable[Any]) -> tuple[Any, ...]:
    """Return the columns and constraints of a table with its tenant column, which comes first if it was left out."""
    items = tuple(items)
    columns = [item for item in items if isinstance(item, Column)]
    tenant = next((item for item in columns if item.name == tenancy.column), None)
    if tenant is None:
        return (Column(tenancy.column, tenancy.type, nullable=False), *items)
    if not _is_annotated(cls, tenancy.column) and tenant._user_defined_nullable is not True:  # noqa: SLF001
        tenant.nullable = False
    _generate_number(tenant, columns)
    return items


def _generate_number(tenant: Column[Any], columns: Iterable[Column[Any]]) -> None:
    """Let the server generate the number of a key whose two columns say `primary_key=True`, as it does for one."""
    keys = [item for item in columns if item.primary_key]
    others = [item for item in keys if item is not tenant]
    if len(keys) == 2 and len(others) == 1:  # noqa: PLR2004
        number = others[0]
        is_filled = number.default is not None or number.server_default is not None or number.foreign_keys
        if isinstance(number.type, Integer) and number.autoincrement == "auto" and not is_filled:
            number.autoincrement = True


def _is_annotated(cls: type[Any], name: str) -> bool:
    """Return True if a class annotates the attribute that maps the column `name`, so NULL is allowed on purpose."""
    for owner in cls.__mro__:
        mapped = {key for key, value in vars(owner).items() if _column_name(value) == name}
        if not inspect.get_annotations(owner).keys().isdisjoint(mapped | {name}):
            return True
    return False


def _column_name(value: object) -> str | None:
    return value.column.name if isinstance(value, MappedColumn) else None
