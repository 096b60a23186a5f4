"""Reads whether tenant tables and roles are protected, from the catalog alone.

The audit judges the same by comparing the catalog with the models. This asks PostgreSQL directly, so that a fault of
the comparison does not hide a hole.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg

from tenantry.postgres.roles import Roles
from tenantry.postgres.statements import load_statements
from tenantry.service import Service
from tenantry.sql import identifier
from tenantry.tenancy.declarations import declaration_of

__all__ = ["excessive_rights", "tenant_tables", "unprotected_tables"]

_STATEMENTS = load_statements("tenantry.testing", "protection.sql")


def tenant_tables(service: Service) -> list[tuple[str, str]]:
    """Return schema and name of the tables that hold rows of tenants."""
    isolated = (table for table in service.metadata.tables.values() if declaration_of(table).kind.is_isolated)
    return [(table.schema or "public", table.name) for table in isolated]


async def unprotected_tables(connection: asyncpg.Connection, service: Service) -> list[str]:
    """Return a sentence for each tenant table or partition on which row security is not enabled and forced."""
    tables = tenant_tables(service)
    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    rows = await connection.fetch(_STATEMENTS["tables"], schemas, names)
    return [sentence for row in rows for sentence in _faults_of_table(row)]


def _faults_of_table(row: asyncpg.Record) -> Iterator[str]:
    table = f"{row['schema']}.{row['name']}"
    schema = "" if row["schema"] == "public" else f', schema="{row["schema"]}"'
    remedy = f'Add to a revision: op.enable_row_security("{row["name"]}"{schema})'
    if not row["exists"]:
        yield f"Table {table} does not exist. A model declares it, and no migration creates it."
    elif not row["enabled"]:
        yield f"Row security is not enabled on {table}, so no policy applies to it. {remedy}"
    elif not row["forced"]:
        yield f"Row security is not forced on {table}, so its owner sees the rows of all tenants. {remedy}"


async def excessive_rights(connection: asyncpg.Connection, roles: Roles) -> list[str]:
    """Return a sentence for each right that a role of the service has and does not need, or needs and does not have."""
    names = [role.name for role in roles]
    rows = {row["name"]: row for row in await connection.fetch(_STATEMENTS["roles"], names)}
    found = [f"Role {name} does not exist." for name in names if name not in rows]
    for role in roles:
        if role.name in rows:
            wanted = ({"LOGIN"} if role.login else set()) | ({"BYPASSRLS"} if role.bypass_rls else set())
            found.extend(_faults_of_role(rows[role.name], wanted))
    if roles.application in rows:
        found.extend(
            f"Role {roles.application} is a member of {group}, so it has its rights. "
            f"Run: REVOKE {identifier(group)} FROM {identifier(roles.application)}."
            for group in rows[roles.application]["memberships"]
        )
    return found


def _faults_of_role(row: asyncpg.Record, wanted: set[str]) -> Iterator[str]:
    name, has = row["name"], set(row["attributes"])
    for attribute in sorted(has - wanted):
        yield f"Role {name} has {attribute}. Run: ALTER ROLE {identifier(name)} NO{attribute}."
    for attribute in sorted(wanted - has):
        yield f"Role {name} does not have {attribute}. Run: ALTER ROLE {identifier(name)} {attribute}."
