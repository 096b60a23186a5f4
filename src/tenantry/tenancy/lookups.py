"""Tenant lookups: find the tenant of a global key, such as an e-mail address, when no tenant is bound yet.

A user signs in with an e-mail address, a session id or a share token. Without a tenant, row security returns no row. So
a declared lookup becomes a SECURITY DEFINER function of the owner, which takes the key and returns only the tenant and
the row's primary key. Its `search_path` is fixed, only the application role may call it, a migration creates it, and
the audit checks it. An attacker who guesses keys learns only if a key exists.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    SmallInteger,
    String,
    Table,
    Text,
    TextClause,
    Uuid,
    bindparam,
    text,
)

from tenantry import errors, sql
from tenantry.postgres.objects import Function

__all__ = ["LOOKUP", "TenantLookup", "TenantMatch", "is_lookup", "lookup_function", "lookup_statement"]

# Marks the statement of a lookup, which needs no tenant.
LOOKUP = "tenantry_lookup"
_PREFIX = "tenant_of_"


@dataclasses.dataclass(frozen=True, init=False)
class TenantLookup:
    """A lookup of a tenant by a key, declared in a model's `__lookups__`.

    `columns` are the columns of the key. `where` is a further SQL condition over the table's columns, such as
    `share_enabled` or `expires_at > now()`, so that a disabled or expired key finds no row.
    """

    columns: tuple[str, ...]
    where: str = ""

    def __init__(self, *columns: str, where: str = "") -> None:
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "where", where)


class TenantMatch(NamedTuple):
    """The result of a lookup: the tenant, and the primary key of the row (without the tenant column)."""

    tenant: Any
    key: Any


def lookup_function(table: Table, tenant: Column[Any], lookup: TenantLookup, application: str) -> Function:
    """Return the SQL function of `lookup`, which the role `application` may call; `tenant` is the tenant column.

    Raises:
        DeclarationError: the lookup names a column that the table does not have, or a column of an unsupported type.
    """
    missing = [name for name in lookup.columns if name not in table.c]
    if missing or not lookup.columns:
        raise errors.DeclarationError(
            f"A TenantLookup of table {table.name!r} names the column {missing[0]!r}, which the table does not have."
            if missing
            else f"A TenantLookup of table {table.name!r} names no column.",
            remedy="Pass the names of the table's columns to TenantLookup(...).",
        )
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
        arguments=", ".join(f"{_argument(name)} {_type_name(table.c[name])}" for name in lookup.columns),
        returns=f"TABLE(tenant {_type_name(tenant)}, key {_type_name(key)})",
        language="sql",
        volatility="STABLE",
        security_definer=True,
        # pg_temp comes last; if it is not named, it is searched first. Then a domain in the caller's pg_temp, with the
        # name of a type in `where`, would run its CHECK as the owner (manual, "Writing SECURITY DEFINER Functions
        # Safely").
        search_path="pg_catalog, pg_temp",
        execute=(application,),
        schema=table.schema or "public",
    )


def is_lookup(function: Function) -> bool:
    """Return True if the function in a database was created for a lookup, by its name and its result."""
    is_named = function.name.startswith(_PREFIX) and function.returns.startswith("TABLE(tenant ")
    return is_named and function.security_definer


def lookup_statement(table: Table, lookup: TenantLookup, values: dict[str, Any]) -> TextClause:
    """Return the SELECT that calls a lookup's function.

    It is text, because `sqlalchemy.func` does not write every name: it removes an underscore at the end, and a percent
    sign fails.
    """
    # With types, because PostgreSQL finds a function by the types of its arguments.
    arguments = [
        bindparam(f"key_{number}", values[name], table.c[name].type) for number, name in enumerate(lookup.columns)
    ]
    # A colon would begin a parameter.
    called = sql.qualified(table.schema or "public", _name(table, lookup)).replace(":", r"\:")
    listed = ", ".join(f":{argument.key}" for argument in arguments)
    statement = text(f"SELECT * FROM {called}({listed})")  # noqa: S608  # quoted
    return statement.bindparams(*arguments).execution_options(**{LOOKUP: True})


def _name(table: Table, lookup: TenantLookup) -> str:
    return sql.shortened(f"{_PREFIX}{table.name}_by_{'_'.join(lookup.columns)}")


def _argument(column: str) -> str:
    return sql.as_printed(sql.shortened(f"key_{column}"))


def _row_key(table: Table, tenant: Column[Any]) -> Column[Any]:
    others = [column for column in table.primary_key.columns if column is not tenant]
    return others[0] if len(others) == 1 else tenant


def _type_name(column: Column[Any]) -> str:
    """Return a column's type as PostgreSQL prints it in a function's signature, without its length."""
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
        f"Column {column.name!r} cannot be used in a TenantLookup.",
        why=f"Its type is {column.type!r}, and only string, uuid and integer columns are supported.",
        remedy="Use a string, uuid or integer column.",
    )
