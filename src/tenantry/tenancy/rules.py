"""The rules for a declared table, so that row security can isolate its rows.

Policies do not cover three things. Foreign keys are checked without policies: a tenant could refer to another tenant's
row, and a cascade could delete it. Unique keys report duplicates of hidden rows. And a policy cannot use an index that
does not begin with the tenant column. `completion` adds what is missing where only one completion is right. These rules
refuse the rest. `reference_rules` has the rules for foreign keys.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, Integer, MetaData, PrimaryKeyConstraint, String, Table, Uuid
from sqlalchemy.types import TypeEngine

from tenantry.tenancy.completion import complete
from tenantry.tenancy.exclusions import check_exclusions
from tenantry.tenancy.kinds import Declaration, Kind, declaration_of, tenancy_of
from tenantry.tenancy.lookups import TenantLookup, lookup_function
from tenantry.tenancy.names import check_names
from tenantry.tenancy.reference_rules import check_references
from tenantry.tenancy.refusal import refuse
from tenantry.tenancy.unique_keys import Key, is_surrogate, keys_of, plain_columns, touched_columns, unique_expressions

__all__ = ["check_declarations"]

MOST_PARTITIONS = 256

_FAMILIES: tuple[type[TypeEngine[Any]], ...] = (Uuid, Integer, String)


def check_declarations(metadata: MetaData) -> None:
    """Complete the declared tables, then check that every table declares its tenancy and follows the rules.

    Raises:
        DeclarationError: a table breaks a rule. The remedy is the change that fixes it.
    """
    tables = sorted(metadata.tables.values(), key=lambda table: table.fullname)
    for table in tables:
        declaration_of(table)
    complete(metadata)
    for table in tables:
        _check_table(table, declaration_of(table))
    # At the end, because it follows the references, and what completes a table has a name too.
    check_names(metadata)


def _check_table(table: Table, declaration: Declaration) -> None:
    """Check one table.

    Raises:
        DeclarationError: one tenant could read or change another tenant's row.
    """
    column = declaration.tenant_column
    if declaration.kind.is_isolated and column is not None:
        _check_column(table, column, declaration.kind)
        # Before the unique keys, because a lookup with a wrong name excuses no key.
        for lookup in declaration.lookups:
            _check_lookup(table, column, lookup)
        if declaration.kind is Kind.TENANT_SCOPED:
            _check_unique_keys(table, declaration, column)
            check_exclusions(table, column)
        if declaration.partitions:
            _check_partitions(table, column, declaration.partitions)
    check_references(table, declaration)


def _check_column(table: Table, column: str, kind: Kind) -> None:
    """Check that each row has a tenant, in the type of the service's tenants."""
    if column not in table.c:
        scoped = f"Add Column({column!r}) to the table."
        root = "Set __tenant_key__ to the name of the column that identifies the tenant, such as __tenant_key__ = 'id'."
        remedy = scoped if kind is Kind.TENANT_SCOPED else root
        refuse(table, f"has no column {column!r}.", "Each row needs its tenant.", remedy)
    if table.c[column].nullable:
        why = "A row without a tenant belongs to no tenant."
        refuse(table, f"allows NULL in {column!r}.", why, f"Set nullable=False on {column!r}.")
    found, wanted = table.c[column].type, tenancy_of(table.metadata).type
    if _family(found) is not _family(wanted):
        named = tenancy_of(table.metadata).column
        service = f"Set tenancy = Tenancy(column={named!r}, type={found!r}) on the base class, or pass"
        refuse(
            table,
            f"maps {column!r} as {found!r}, but the tenants of this service are {wanted!r}.",
            "The unit of work binds a tenant of the service's type, which the column could not be compared with.",
            f"{service if _family(found) in _FAMILIES else 'Pass'} the type {wanted!r} to the column.",
        )


def _family(column_type: TypeEngine[Any]) -> type[TypeEngine[Any]]:
    return next((kind for kind in _FAMILIES if isinstance(column_type, kind)), type(column_type))


def _check_unique_keys(table: Table, declaration: Declaration, column: str) -> None:
    """Check that unique keys contain the tenant column, except generated keys and the keys of declared lookups.

    A duplicate-key error of a unique key across tenants shows that another tenant's row exists.
    """
    looked_up = [set(lookup.columns) for lookup in declaration.lookups]
    for key in keys_of(table):
        names = plain_columns(key)
        if (isinstance(key, Index) and not key.unique) or column in names:
            continue
        if None not in names and (set(names) in looked_up or is_surrogate(key, table)):
            continue
        refuse(
            table,
            f"is unique over {_spell(key)} across tenants.",
            "A duplicate-key error would show that another tenant's row exists.",
            _add_tenant(key, table, column),
        )


def _add_tenant(key: Key, table: Table, column: str) -> str:
    """Return the two ways to declare a key; the toolkit cannot know which one its author means."""
    if isinstance(key, PrimaryKeyConstraint):
        return f"Set primary_key=True on {column!r} too, or let the server generate the key, as Identity() does."
    names = ", ".join(map(repr, sorted(touched_columns(key, table)))) or "..."
    if isinstance(key, Index):
        leading = f"Add {column!r} as the first column of the index, as Index(None, {column!r}, ..., unique=True)"
    else:
        leading = f"Use UniqueConstraint({column!r}, {names}) in __table_args__ instead"
    return f"{leading}, or find the tenant by this key: __lookups__ = (TenantLookup({names}),)."


def _check_partitions(table: Table, column: str, count: int) -> None:
    """Check the number of partitions, and that unique keys contain the partition key, as PostgreSQL requires."""
    if count not in range(MOST_PARTITIONS + 1):
        why = f"The number must be from 0 to {MOST_PARTITIONS}, because each partition adds planning time."
        refuse(table, f"declares {count} partitions.", why, f"Set __partitions__ to {MOST_PARTITIONS} or less.")
    for key in keys_of(table):
        if (isinstance(key, Index) and not key.unique) or column in plain_columns(key):
            continue
        what = f"is partitioned by {column!r}, but has the unique key {_spell(key)} without it."
        why = "PostgreSQL can enforce a unique key of a partitioned table only if it contains the partition key."
        primary = f"Set primary_key=True on {column!r} too."
        is_primary = isinstance(key, PrimaryKeyConstraint)
        refuse(table, what, why, primary if is_primary else f"Add {column!r} as the first column of the key.")


def _check_lookup(table: Table, column: str, lookup: TenantLookup) -> None:
    """Check that a lookup finds one row at most, and that its function can be written."""
    lookup_function(table, table.c[column], lookup, "")
    if not any(names <= set(lookup.columns) for names in unique_expressions(table, is_partly=bool(lookup.where))):
        names = ", ".join(map(repr, lookup.columns))
        refuse(
            table,
            f"has a TenantLookup by {', '.join(lookup.columns)}, which is not unique.",
            "If two tenants have a row with the same key, the lookup would return one of them at random.",
            f"Add UniqueConstraint({names}) to __table_args__.",
        )


def _spell(key: Key) -> str:
    """Return the columns or expressions of a key."""
    parts = key.expressions if isinstance(key, Index) else list(key.columns)
    return ", ".join(name or str(part) for name, part in zip(plain_columns(key), parts, strict=True))
