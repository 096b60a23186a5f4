"""Create, list and show tenants, in the admin role: rows of the model that is declared TenantRoot.

Encrypted columns are written but never read, so that no output contains a secret or its ciphertext.
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
from tenantry.tenancy.encrypted_text import EncryptedText, Sealed
from tenantry.tenancy.scope import parse_tenant

__all__ = ["TenantRecord", "create_tenant", "find_root", "has_tenants", "list_tenants", "show_tenant"]

UNIQUE_VIOLATION = "23505"
INTEGRITY_VIOLATIONS = "23"
DATA_EXCEPTIONS = "22"


@dataclass(frozen=True, slots=True)
class TenantRecord:
    """A tenant's row without encrypted columns; `rows` is the number of its rows in each table, or None."""

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
    """Insert the tenant's row; `values` are texts by column, which are converted to the columns' types.

    Raises:
        ConfigurationError: a column is unknown or missing, or a text is not of the column's type.
        TenancyError: the tenant exists already.
    """
    root = find_root(service)
    key = _tenant_column(root)
    parsed = parse_tenant(tenant, key.type)
    unknown = sorted(values.keys() - {column.name for column in root.columns})
    missing = [name for name in _required(root) if name != key.name and name not in values]
    if unknown or missing:
        raise errors.ConfigurationError(
            f"Table {root.name!r} has no column {unknown[0]!r}."
            if unknown
            else f"A row of {root.name!r} needs a value for {', '.join(missing)}.",
            why=f"The columns of the table are {', '.join(column.name for column in root.columns)}.",
            remedy="Set each column with --set column=value, or with --set column=@file for a secret.",
        )
    row = {name: _convert(root.columns[name], text, database, parsed) for name, text in values.items()}
    try:
        async with database.admin(reason=f"tenantry tenant create {tenant}") as session:
            await session.execute(insert(root).values({**row, key.name: parsed}))
    except DBAPIError as error:
        raise _refusal(error, tenant, root) from error
    return await show_tenant(service, database, tenant)


async def list_tenants(service: Service, database: Database, *, limit: int) -> list[TenantRecord]:
    """Return the first `limit` tenants, ordered by the tenant column."""
    root = find_root(service)
    key = _tenant_column(root)
    async with database.admin(reason="tenantry tenant list") as session:
        found = await session.execute(select(*_open_columns(root)).order_by(key).limit(limit))
        return [_record(service, key, row) for row in found.mappings()]


async def show_tenant(service: Service, database: Database, tenant: str) -> TenantRecord:
    """Return one tenant with the number of its rows in each table.

    Raises:
        TenancyError: the tenant does not exist.
    """
    root = find_root(service)
    key = _tenant_column(root)
    parsed = parse_tenant(tenant, key.type)
    async with database.admin(reason=f"tenantry tenant show {tenant}") as session:
        found = (await session.execute(select(*_open_columns(root)).where(key == parsed))).mappings().one_or_none()
        if found is None:
            raise errors.TenancyError(
                f"The service {service.name} has no tenant {tenant!r}.",
                remedy="List the tenants with: tenantry tenant list",
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
                f"Column {column.name!r} is encrypted, but no encryption key is configured.",
                remedy=f"Set {database.settings.variable('encryption_keys')} to id:key, with a key from "
                "`openssl rand -base64 32`.",
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
        raise errors.ConfigurationError(
            f"The value of column {column.name!r} is not a valid {kind.__name__}.",
            remedy=f"Correct it: --set {column.name}=VALUE, with a value of type {column.type!r}.",
        ) from error


def _refusal(error: DBAPIError, tenant: str, root: Table) -> errors.TenantryError:
    """Return the error for a refused row, without the values that the database's message contains."""
    state = sqlstate_of(error) or ""
    if state == UNIQUE_VIOLATION:
        return errors.TenancyError(
            f"Table {root.name!r} already has a row for {tenant!r}.",
            remedy=f"Show it with: tenantry tenant show {tenant}",
        )
    if state.startswith((INTEGRITY_VIOLATIONS, DATA_EXCEPTIONS)):
        return errors.TenancyError(
            f"The database refused the row of {tenant!r}.",
            why=f"It answered with SQLSTATE {state}.",
            remedy="Correct the values of --set, so that they satisfy the table's types and constraints.",
        )
    return errors.TenancyError(
        f"The row of {tenant!r} could not be written.",
        why=f"The database answered with SQLSTATE {state or 'unknown'}.",
        remedy="Check the server's log, and run: tenantry doctor",
    )
