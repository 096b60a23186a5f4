"""Tenant lookups: the one sanctioned way from a global credential to its tenant, before a tenant is known.

Somebody signs in with an e-mail, a session id, a share token. Row security rightly shows nothing without a tenant, so a
declared lookup becomes a SECURITY DEFINER function of the owner that takes the key and returns the tenant and the row's
primary key, and nothing else. Its `search_path` is pinned, only the application role may call it, a migration creates
it, and the audit knows it. What is left to a prober is one bit a guess: whether such a key exists.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    Select,
    SmallInteger,
    String,
    Table,
    Text,
    Uuid,
    func,
    literal,
    select,
)

from tenantry import errors, sql
from tenantry.postgres.objects import Function

__all__ = ["TenantLookup", "TenantMatch", "lookup_function", "lookup_statement"]


@dataclasses.dataclass(frozen=True, init=False)
class TenantLookup:
    """A key that leads to a tenant, declared in a model's `__lookups__`.

    `columns` are the key's; `where` narrows it in SQL over the table's columns, such as `share_enabled` or
    `expires_at > now()`, so that a key that is switched off or expired leads nowhere.
    """

    columns: tuple[str, ...]
    where: str = ""

    def __init__(self, *columns: str, where: str = "") -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "where", where)


class TenantMatch(NamedTuple):
    """What a lookup found: the tenant, and the primary key of the row (without the tenant column)."""

    tenant: Any
    key: Any


def lookup_function(table: Table, tenant: Column[Any], lookup: TenantLookup, application: str) -> Function:
    """Return the function that serves `lookup` for the role `application`; `tenant` is the table's tenant column.

    Raises:
        DeclarationError: the lookup names a column the table has not, or one whose type it cannot take.
    """
    missing = [name for name in lookup.columns if name not in table.c]
    if missing or not lookup.columns:
        raise errors.DeclarationError(f"A lookup of table {table.name!r} names no column of it: {missing}.")
    key = _row_key(table, tenant)
    conditions = [f"t.{sql.identifier(name)} = ${number}" for number, name in enumerate(lookup.columns, 1)]
    if lookup.where:
        conditions.append(f"({lookup.where})")
    lines = [
        f"    SELECT t.{sql.identifier(tenant.name)}, t.{sql.identifier(key.name)}",
        f"    FROM {sql.qualified(table.schema or 'public', table.name)} AS t",
        f"    WHERE {' AND '.join(conditions)}",
    ]
    return Function(
        name=_name(table, lookup),
        body="\n".join(["", *lines, ""]),
        arguments=", ".join(f"key_{name} {_type_name(table.c[name])}" for name in lookup.columns),
        returns=f"TABLE(tenant {_type_name(tenant)}, key {_type_name(key)})",
        language="sql",
        volatility="STABLE",
        security_definer=True,
        # Named last, or it is searched first: a domain in a caller's pg_temp, named like a type that `where` casts to,
        # would run its CHECK as the owner (manual, "Writing SECURITY DEFINER Functions Safely").
        search_path="pg_catalog, pg_temp",
        execute=(application,),
        schema=table.schema or "public",
    )


def lookup_statement(table: Table, lookup: TenantLookup, values: dict[str, Any]) -> Select[Any]:
    """Return the SELECT that asks a lookup's function."""
    # Typed, because a function is found by the types of what it is called with.
    arguments = [literal(values[name], table.c[name].type) for name in lookup.columns]
    schema = getattr(func, table.schema or "public")
    call = getattr(schema, _name(table, lookup))(*arguments).table_valued("tenant", "key")
    return select(call.c.tenant, call.c.key)


def _name(table: Table, lookup: TenantLookup) -> str:
    return f"tenant_of_{table.name}_by_{'_'.join(lookup.columns)}"


def _row_key(table: Table, tenant: Column[Any]) -> Column[Any]:
    others = [column for column in table.primary_key.columns if column is not tenant]
    return others[0] if len(others) == 1 else tenant


def _type_name(column: Column[Any]) -> str:
    """Return a column's type as PostgreSQL prints it in a function's signature, where lengths are left out."""
    names: list[tuple[type[Any], str]] = [
        (Uuid, "uuid"),
        (SmallInteger, "smallint"),
        (BigInteger, "bigint"),
        (Integer, "integer"),
        (Text, "text"),
        (String, "character varying"),
    ]
    for kind, name in names:
        if isinstance(column.type, kind):
            return name
    raise errors.DeclarationError(
        f"Column {column.name!r} cannot stand in a tenant lookup.",
        why=f"Its type is {column.type!r}.",
        remedy="Use a string, uuid or integer column.",
    )
