"""Tenants by the table that has a row for each: made, listed and shown in the admin role, each time with a reason.

What is encrypted is written, never read: neither the text nor the ciphertext of a secret is anybody's business here.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Column, Table, func, insert, select
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.service import Service
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import Kind, declaration_of, tenancy_of
from tenantry.tenancy.encrypted import EncryptedText, Sealed
from tenantry.tenancy.scope import parse_tenant

__all__ = ["TenantRecord", "create_tenant", "find_root", "has_tenants", "list_tenants", "show_tenant"]

UNIQUE_VIOLATION = "23505"
INTEGRITY_VIOLATIONS = "23"
DATA_EXCEPTIONS = "22"


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant's row without its secrets; `rows` counts what it has in each table, where that was asked."""

    service: str
    tenant: str
    details: Mapping[str, Any]
    rows: Mapping[str, int] | None = None


def has_tenants(service: Service) -> bool:
    """Return whether the service has a table of tenants."""
    return next(_roots(service), None) is not None


def _roots(service: Service) -> Iterator[Table]:
    return (table for table in service.metadata.sorted_tables if declaration_of(table).kind is Kind.TENANT_ROOT)


def find_root(service: Service) -> Table:
    """Return the table that has a row for each tenant.

    Raises:
        ConfigurationError: the service declares no such table.
    """
    for table in _roots(service):
        return table
    raise errors.ConfigurationError(
        f"The service {service.name} has no table of tenants.",
        why="No model of it is declared TenantRoot.",
        remedy="Add TenantRoot to the bases of the model whose rows are the tenants.",
    )


async def create_tenant(service: Service, database: Database, tenant: str, values: Mapping[str, str]) -> TenantRecord:
    """Insert the tenant's row; `values` are texts by column, converted to the columns' types.

    Raises:
        ConfigurationError: a column is unknown or required, or a text is not of its type.
        TenancyError: the tenant exists.
    """
    root = find_root(service)
    key = _tenant_column(root)
    parsed = parse_tenant(tenant, key.type)
    unknown = sorted(values.keys() - {column.name for column in root.columns})
    missing = [name for name in _required(root) if name != key.name and name not in values]
    if unknown or missing:
        raise errors.ConfigurationError(
            f"{root.name} has no column {unknown[0]!r}." if unknown else f"{root.name} needs {', '.join(missing)}.",
            why=f"Its columns are {', '.join(column.name for column in root.columns)}.",
            remedy="Give each with --set column=value, or --set column=@file for what should not be seen.",
        )
    row = {name: _convert(root.columns[name], text, database, parsed) for name, text in values.items()}
    try:
        async with database.admin(reason=f"tenantry tenant create {tenant}") as session:
            await session.execute(insert(root).values({**row, key.name: parsed}))
    except DBAPIError as error:
        raise _refusal(error, tenant, root) from error
    return await show_tenant(service, database, tenant)


async def list_tenants(service: Service, database: Database, *, limit: int) -> list[TenantRecord]:
    """Return the first `limit` tenants in the order of their names."""
    root = find_root(service)
    key = _tenant_column(root)
    async with database.admin(reason="tenantry tenant list") as session:
        found = await session.execute(select(*_open_columns(root)).order_by(key).limit(limit))
        return [_record(service, key, row) for row in found.mappings()]


async def show_tenant(service: Service, database: Database, tenant: str) -> TenantRecord:
    """Return one tenant with the number of its rows in each table.

    Raises:
        TenancyError: there is no such tenant.
    """
    root = find_root(service)
    key = _tenant_column(root)
    parsed = parse_tenant(tenant, key.type)
    async with database.admin(reason=f"tenantry tenant show {tenant}") as session:
        found = (await session.execute(select(*_open_columns(root)).where(key == parsed))).mappings().one_or_none()
        if found is None:
            raise errors.TenancyError(
                f"The service {service.name} has no tenant {tenant!r}.",
                remedy="List them with: tenantry tenant list",
            )
        column = tenancy_of(service.metadata).column
        rows = {}
        for table in service.metadata.sorted_tables:
            if declaration_of(table).kind is Kind.TENANT_SCOPED:
                count = select(func.count()).select_from(table).where(table.columns[column] == parsed)
                rows[table.name] = int((await session.execute(count)).scalar_one())
    record = _record(service, key, found)
    return TenantRecord(record.service, record.tenant, record.details, rows)


def _tenant_column(root: Table) -> Column[Any]:
    name = declaration_of(root).tenant_column
    assert name is not None
    return root.columns[name]


def _open_columns(root: Table) -> Sequence[Column[Any]]:
    return [column for column in root.columns if not isinstance(column.type, EncryptedText)]


def _record(service: Service, key: Column[Any], row: Mapping[Any, Any]) -> TenantRecord:
    return TenantRecord(service.name, str(row[key.name]), dict(row))


def _required(root: Table) -> list[str]:
    return [
        column.name
        for column in root.columns
        if not column.nullable
        and column.server_default is None
        and column.default is None
        and column.identity is None
        and column is not root.autoincrement_column
    ]


def _convert(column: Column[Any], text: str, database: Database, tenant: object) -> Any:
    if isinstance(column.type, EncryptedText):
        key_ring = database.settings.key_ring()
        if key_ring is None:
            raise errors.ConfigurationError(
                f"{column.name} is encrypted, and no encryption key is configured.",
                remedy=f"Set {database.settings.variable('encryption_keys')}.",
            )
        return Sealed.seal(text, key_ring, column, tenant)
    kind: type[Any] = dict if isinstance(column.type, JSON) else column.type.python_type
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind in {dict, list}:
            return json.loads(text)
        if kind in {datetime, date}:
            return kind.fromisoformat(text)
        return kind(text) if kind in {int, float, Decimal, uuid.UUID} else text
    except (ValueError, KeyError, ArithmeticError) as error:
        raise errors.ConfigurationError(f"The value of {column.name} is not a {kind.__name__}.") from error


def _refusal(error: DBAPIError, tenant: str, root: Table) -> errors.TenantryError:
    """Say what the database refused, without the values that its own message would repeat."""
    state = sqlstate_of(error) or ""
    if state == UNIQUE_VIOLATION:
        return errors.TenancyError(
            f"{root.name} has a row for {tenant!r} already.", remedy=f"Show it with: tenantry tenant show {tenant}"
        )
    if state.startswith((INTEGRITY_VIOLATIONS, DATA_EXCEPTIONS)):
        return errors.TenancyError(f"The database refused the row of {tenant!r}.", why=f"SQLSTATE {state}.")
    return errors.TenancyError(f"The row of {tenant!r} could not be written.", why=f"SQLSTATE {state or 'unknown'}.")
