"""Grant the service's roles SELECT on Alembic's version table.

Readiness reads the revision in the application's role. No model declares the version table, so no migration grants it.
"""

from __future__ import annotations

from sqlalchemy import Connection

from tenantry.postgres.roles import Roles
from tenantry.postgres.statements import load_statements
from tenantry.sql import identifier, literal, qualified

__all__ = ["VERSION_TABLE", "share_block", "share_version_table"]

_STATEMENTS = load_statements("tenantry.migrations", "version_table.sql")

VERSION_TABLE = qualified("public", "alembic_version")


def share_version_table(connection: Connection, roles: Roles) -> None:
    """Grant SELECT on the version table to the roles that exist and cannot read it yet."""
    if connection.in_transaction():
        _share(connection, roles)
        return
    with connection.begin():
        _share(connection, roles)


def _share(connection: Connection, roles: Roles) -> None:
    names = [roles.application, roles.admin]
    for role in connection.exec_driver_sql(_STATEMENTS["unshared_with"], (names, VERSION_TABLE)).scalars().all():
        connection.exec_driver_sql(f"GRANT SELECT ON TABLE {VERSION_TABLE} TO {identifier(role)}")


def share_block(roles: Roles) -> str:
    """Return the statement for the same grants in a script."""
    names = f"{literal(roles.application)}, {literal(roles.admin)}"
    return _STATEMENTS["share_block"].format(roles=names, table=literal(VERSION_TABLE))
