"""What every service's tables and roles must be, read from the catalog and not from the declarations."""

from __future__ import annotations

import asyncpg

from tenantry import Roles

ROLES = """
    SELECT rolname::text, rolcanlogin, rolbypassrls, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication
    FROM pg_roles WHERE rolname = ANY($1)
"""


async def check_row_security(superuser: asyncpg.Connection, table: str, roles: Roles) -> None:
    """Make sure that a table is isolated for the application, and held for its owner by a policy of its own."""
    query = "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass"
    assert tuple(await superuser.fetchrow(query, table)) == (True, True)
    rows = await superuser.fetch(
        "SELECT policyname::text, roles::text, cmd, qual = with_check FROM pg_policies WHERE tablename = $1", table
    )
    assert {tuple(row) for row in rows} == {
        ("tenant_isolation_policy", f"{{{roles.application}}}", "ALL", True),
        ("owner_maintenance_policy", f"{{{roles.owner}}}", "ALL", True),
    }


async def check_roles(superuser: asyncpg.Connection, roles: Roles) -> None:
    """Make sure that the application holds no attribute, only the admin steps over row security, no owner logs in."""
    names = [roles.application, roles.admin, roles.owner]
    assert {tuple(row) for row in await superuser.fetch(ROLES, names)} == {
        (roles.application, True, False, False),
        (roles.admin, True, True, False),
        (roles.owner, False, False, False),
    }
