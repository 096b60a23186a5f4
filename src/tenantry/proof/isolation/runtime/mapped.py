"""The mapped classes of a service and their rows, for the attacks on the ORM. They are found, and not listed."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, RelationshipProperty, undefer

from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable
from tenantry.proof.isolation.runtime.toolkit import readable
from tenantry.tenancy.declarations import TenantBase, declaration_of
from tenantry.tenancy.encrypted_text import EncryptedText

__all__ = ["REFUSED", "MappedTable", "attributes", "mapped_tables", "own_row", "relationships"]

# How PostgreSQL refuses a row for another tenant: by the policy, or because the tenant column is GENERATED ALWAYS.
REFUSED = frozenset({"42501", "428C9"})


@dataclasses.dataclass(frozen=True)
class MappedTable:
    """A tenant table and the class that is mapped to it."""

    target: AttackedTable
    model: type[Any]

    @property
    def name(self) -> str:
        """The table's name, as reports show it."""
        return f"{self.target.schema}.{self.target.name}"

    @property
    def table(self) -> Table:
        """The table."""
        return self.target.table

    @property
    def mapper(self) -> Mapper[Any]:
        """The class's mapper."""
        mapper: Mapper[Any] = self.model.__mapper__
        return mapper

    @property
    def tenant(self) -> Column[Any]:
        """The tenant column."""
        return self.table.c[self.target.tenant_column]

    @property
    def is_root(self) -> bool:
        """Whether a row is the tenant itself, so that each tenant has one row."""
        return declaration_of(self.table).kind.value == "tenant_root"

    def may(self, privilege: str) -> bool:
        """Return whether the application has a privilege on the table."""
        return privilege in declaration_of(self.table).privileges

    def tenant_of(self, entity: object) -> str:
        """Return the tenant of an entity."""
        return str(getattr(entity, self.model.__tenant__.key))

    def key_of(self, entity: object) -> tuple[Any, ...]:
        """Return an entity's primary key, as `Session.get` takes it."""
        return tuple(self.mapper.primary_key_from_instance(entity))

    @property
    def harmless(self) -> str:
        """An attribute that an UPDATE can set to itself without an effect: no key, no reference, not encrypted."""
        for prop in self.mapper.column_attrs:
            column = prop.columns[0]
            if isinstance(column, Column) and column is not self.tenant and not _is_special(column):
                return prop.key
        return str(self.model.__tenant__.key)

    @property
    def harmless_column(self) -> Column[Any]:
        """The column of that attribute."""
        column = self.mapper.attrs[self.harmless].columns[0]
        assert isinstance(column, Column)
        return column

    async def first(self, session: AsyncSession) -> Any:
        """Load one row that the session sees, with every column. Return None if it sees no row."""
        return (await session.scalars(select(self.model).options(undefer("*")).limit(1))).first()


def mapped_tables(attacked: AttackedDatabase) -> list[MappedTable]:
    """Return the tenant tables of the service that the application may read and a class is mapped to."""
    classes = {
        model.__table__: model
        for model in _subclasses(TenantBase)
        if getattr(model, "metadata", None) is attacked.service.metadata and "__table__" in vars(model)
    }
    return [MappedTable(target, classes[target.table]) for target in readable(attacked) if target.table in classes]


def relationships(mapped: MappedTable) -> list[RelationshipProperty[Any]]:
    """Return the relationships that lead from the class to tenant tables."""
    return [one for one in mapped.mapper.relationships if hasattr(one.mapper.class_, "__tenant__")]


async def own_row(mapped: MappedTable, session: AsyncSession, *, renewed: bool = False) -> dict[str, Any]:
    """Return the values of a row that the session sees, by column, without what the database computes.

    `renewed` changes the values that must be unique, except references, and leaves out keys that the database makes.
    """
    columns = [
        column
        for column in mapped.table.c
        # A tenant that the database generates is given all the same.
        if column.computed is None and (column.identity is None or column is mapped.tenant)
    ]
    row = (await session.execute(select(*columns).limit(1))).one()
    values = {column.name: value for column, value in zip(columns, row, strict=True)}
    if renewed:
        for column in _unique_columns(mapped.table):
            if column.primary_key and column.server_default is not None:
                values.pop(column.name, None)
            elif not column.foreign_keys and column is not mapped.tenant:
                values[column.name] = _another(values[column.name])
    return values


def attributes(mapped: MappedTable, values: dict[str, Any]) -> dict[str, Any]:
    """Return the values by the names of the class's attributes, which may differ from the columns' names."""
    return {mapped.mapper.get_property_by_column(mapped.table.c[name]).key: value for name, value in values.items()}


def _is_special(column: Column[Any]) -> bool:
    is_key = column.primary_key or column.unique or bool(column.foreign_keys)
    is_computed = column.computed is not None or column.identity is not None
    return is_key or is_computed or isinstance(column.type, EncryptedText)


def _unique_columns(table: Table) -> set[Column[Any]]:
    unique = {column for column in table.c if column.unique or column.primary_key}
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            unique |= set(constraint.columns)
    for index in table.indexes:
        if index.unique:
            unique |= set(index.columns)
    return unique


def _another(value: Any) -> Any:
    mark = uuid.uuid4().hex[:8]
    if isinstance(value, str):
        kept = max(len(value) - len(mark), 0)
        return value[:kept] + mark[: len(value) - kept]
    if isinstance(value, uuid.UUID):
        return uuid.uuid4()
    # The sum fits into smallint for the numbers that a proof makes.
    return value + 1 + int(mark[:3], 16) if isinstance(value, int) and not isinstance(value, bool) else value


def _subclasses(base: type[Any]) -> Iterator[type[Any]]:
    for model in base.__subclasses__():
        yield model
        yield from _subclasses(model)
