"""What a declared table must look like before it can be isolated.

Row security does not see three things: references are checked without policies (a tenant could point at another's
row, and a cascade could delete it), unique keys answer for rows that are hidden, and an index that does not lead with
the tenant is no use to a policy. So the shape of the table has to hold what the policy cannot.
"""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import ForeignKeyConstraint, Index, MetaData, PrimaryKeyConstraint, Table, UniqueConstraint, Uuid

from tenantry import errors
from tenantry.tenancy.declarations import Declaration, Kind, declaration_of

__all__ = ["check_declarations"]

MOST_PARTITIONS = 256


def check_declarations(metadata: MetaData) -> None:
    """Check that every table declares itself, and declares only what can be isolated.

    Raises:
        DeclarationError: the first thing that is missing or cannot be isolated, with the change that fixes it.
    """
    for table in metadata.sorted_tables:
        _check_table(table, declaration_of(table))


def _check_table(table: Table, declaration: Declaration) -> None:
    """Check one table.

    Raises:
        DeclarationError: the table's shape would let one tenant see or touch another's row.
    """
    column = declaration.tenant_column
    if not declaration.kind.is_isolated or column is None:
        return
    if column not in table.c:
        _refuse(table, f"has no column {column!r}.", "The tenant of a row must stand in the row.", f"Map {column!r}.")
    if table.c[column].nullable:
        _refuse(table, f"allows NULL in {column!r}.", "A row without a tenant has no owner.", "Make it NOT NULL.")
    if declaration.kind is Kind.TENANT_SCOPED and table.c[column].server_default is None:
        why = "The unit of work binds the tenant; a row that does not name it would have no owner and be refused."
        _refuse(
            table, f"maps {column!r} without the default that fills it.", why, f"Write `{column}: Mapped[...]` alone."
        )
    leading = [_names(key)[0] for key in _keys(table) if _names(key)]
    if column not in leading:
        why = "Every statement of a tenant filters by it."
        _refuse(table, f"has no index that leads with {column!r}.", why, f"Set index=True on {column!r}.")
    if declaration.kind is Kind.TENANT_SCOPED:
        _check_unique_keys(table, declaration)
    if declaration.partitions:
        _check_partitions(table, column, declaration.partitions)
    _check_references(table, column)


def _check_unique_keys(table: Table, declaration: Declaration) -> None:
    """A unique key across tenants tells a prober that a hidden row exists; only a declared lookup's key may."""
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
                "The duplicate-key error would tell of a row the tenant may not see.",
                f"Let the key lead with {column!r}, or declare the TenantLookup that it serves.",
            )


def _check_partitions(table: Table, column: str, count: int) -> None:
    """A unique key of partitions holds within each; it holds over all where it has the column that tells them apart."""
    if count not in range(MOST_PARTITIONS + 1):
        _refuse(table, f"has {count} partitions.", "Planning takes time for each.", f"Use {MOST_PARTITIONS} at most.")
    for key in _keys(table):
        is_unique = not isinstance(key, Index) or key.unique
        if is_unique and column not in _names(key):
            why = "PostgreSQL keeps a unique key within each partition only."
            _refuse(table, f"is partitioned, and unique over {', '.join(_names(key))}.", why, f"Add {column!r} to it.")


def _check_references(table: Table, column: str) -> None:
    """A reference between tenant tables must carry the tenant, because referential checks bypass row security."""
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
                f"refers to {target.name!r} by {', '.join(pairs)} alone.",
                "Referential checks bypass row security, so a tenant could refer to another tenant's row.",
                f"Refer by ({column}, ...) to a unique key ({referred.tenant_column}, ...) of {target.name!r}.",
            )


def _keys(table: Table) -> list[Index | UniqueConstraint | PrimaryKeyConstraint]:
    unique = [item for item in table.constraints if isinstance(item, UniqueConstraint | PrimaryKeyConstraint)]
    return [*table.indexes, *unique]


def _names(key: Index | UniqueConstraint | PrimaryKeyConstraint) -> list[str]:
    return [column.name for column in key.columns]


def _refuse(table: Table, what: str, why: str, remedy: str) -> NoReturn:
    raise errors.DeclarationError(f"Table {table.name!r} {what}", why=why, remedy=remedy)
