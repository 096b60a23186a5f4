"""The rules for a declared table, so that row security can isolate its rows.

Policies do not cover three things. Foreign keys are checked without policies: a tenant could refer to another tenant's
row, and a cascade could delete it. Unique keys report duplicates of hidden rows. And a policy cannot use an index that
does not begin with the tenant column. So these rules check the table's keys and indexes.
"""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint, Uuid

from tenantry import errors
from tenantry.tenancy.declarations import Declaration, Kind, declaration_of
from tenantry.tenancy.exclusions import check_exclusions
from tenantry.tenancy.names import check_names

__all__ = ["check_declarations"]

MOST_PARTITIONS = 256


def check_declarations(metadata: MetaData) -> None:
    """Check that every table declares its tenancy and follows the rules.

    Raises:
        DeclarationError: a table breaks a rule. The remedy is the change that fixes it.
    """
    check_names(metadata)
    for table in metadata.sorted_tables:
        _check_table(table, declaration_of(table))


def _check_table(table: Table, declaration: Declaration) -> None:
    """Check one table.

    Raises:
        DeclarationError: one tenant could read or change another tenant's row.
    """
    column = declaration.tenant_column
    if not declaration.kind.is_isolated or column is None:
        return
    if column not in table.c:
        _refuse(table, f"has no column {column!r}.", "Each row needs its tenant.", f"Map the column {column!r}.")
    if table.c[column].nullable:
        why = "A row without a tenant belongs to no tenant."
        _refuse(table, f"allows NULL in {column!r}.", why, f"Set nullable=False on {column!r}.")
    if declaration.kind is Kind.TENANT_SCOPED and table.c[column].server_default is None:
        why = "The default fills the column with the tenant of the unit of work; an INSERT without it would be refused."
        remedy = f"Write only the annotation `{column}: Mapped[...]`, without mapped_column()."
        _refuse(table, f"maps {column!r} without the server default that fills it.", why, remedy)
    leading = [_names(key)[0] for key in _keys(table) if _names(key)]
    if column not in leading:
        why = "Every statement of a tenant filters by this column."
        _refuse(table, f"has no index that begins with {column!r}.", why, f"Set index=True on {column!r}.")
    if declaration.kind is Kind.TENANT_SCOPED:
        _check_unique_keys(table, declaration)
        check_exclusions(table, column)
    if declaration.partitions:
        _check_partitions(table, column, declaration.partitions)
    _check_references(table, column)


def _check_unique_keys(table: Table, declaration: Declaration) -> None:
    """Check that unique keys contain the tenant column, except the keys of declared lookups.

    A duplicate-key error of a unique key across tenants shows that another tenant's row exists.
    """
    column = declaration.tenant_column
    looked_up = {lookup.columns for lookup in declaration.lookups}
    for key in _keys(table):
        names = _names(key)
        if isinstance(key, Index) and not key.unique:
            continue
        guessable = not all(isinstance(table.c[name].type, Uuid) for name in names if name in table.c)
        across = column not in names and tuple(names) not in looked_up
        if across and (guessable or not isinstance(key, PrimaryKeyConstraint)):
            _refuse(
                table,
                f"is unique over {', '.join(names)} across tenants.",
                "A duplicate-key error would show that another tenant's row exists.",
                f"Add {column!r} as the first column of the key, or declare a TenantLookup by the key's columns.",
            )


def _check_partitions(table: Table, column: str, count: int) -> None:
    """Check the number of partitions, and that unique keys contain the partition key, as PostgreSQL requires."""
    if count not in range(MOST_PARTITIONS + 1):
        why = f"The number must be from 0 to {MOST_PARTITIONS}, because each partition adds planning time."
        _refuse(table, f"declares {count} partitions.", why, f"Set __partitions__ to {MOST_PARTITIONS} or less.")
    for key in _keys(table):
        is_unique = not isinstance(key, Index) or key.unique
        if is_unique and column not in _names(key):
            what = f"is partitioned by {column!r}, but has the unique key {', '.join(_names(key))} without it."
            why = "PostgreSQL can enforce a unique key of a partitioned table only if it contains the partition key."
            _refuse(table, what, why, f"Add {column!r} to the key.")


def _check_references(table: Table, column: str) -> None:
    """Check that foreign keys between tenant tables include the tenant, because their checks bypass row security."""
    for constraint in table.constraints:
        if not isinstance(constraint, ForeignKeyConstraint):
            continue
        target = constraint.referred_table
        referred = declaration_of(target)
        if not referred.kind.is_isolated:
            continue
        pairs = {element.parent.name: element.column.name for element in constraint.elements}
        if pairs.get(column) != referred.tenant_column:
            _refuse(
                table,
                f"has a foreign key to {target.name!r} by {', '.join(pairs)} without the tenant column.",
                "Foreign key checks bypass row security, so a tenant could refer to another tenant's row.",
                f"Add the tenant: a foreign key ({column}, ...) to a unique key ({referred.tenant_column}, ...) of "
                f"{target.name!r}.",
            )


def _keys(table: Table) -> list[Index | UniqueConstraint | PrimaryKeyConstraint]:
    unique = [item for item in table.constraints if isinstance(item, UniqueConstraint | PrimaryKeyConstraint)]
    return [*table.indexes, *unique]


def _names(key: Index | UniqueConstraint | PrimaryKeyConstraint) -> list[str]:
    return [column.name for column in key.columns]


def _refuse(table: Table, what: str, why: str, remedy: str) -> NoReturn:
    raise errors.DeclarationError(f"Table {table.name!r} {what}", why=why, remedy=remedy)
