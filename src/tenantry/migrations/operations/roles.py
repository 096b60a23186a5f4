"""`op.create_role` and `op.drop_role`.

Roles belong to the cluster, and other databases may use them. So a role is created only if it does not exist, and a
comment then names the database that created it. Only a migration of that database drops the role, and only if no object
depends on it. If the role stays, that is not an error: the next upgrade finds it.
"""

from __future__ import annotations

import logging

from alembic.operations import Operations
from sqlalchemy import Connection

from tenantry.migrations.operations.base import CreateOp, DropOp, run_statements
from tenantry.migrations.operations.elevation import print_as_login, run_as_login
from tenantry.postgres.objects import Role
from tenantry.postgres.statements import load_statements
from tenantry.sql import identifier, literal, qualified

__all__ = ["CreateRoleOp", "DropRoleOp"]

_STATEMENTS = load_statements("tenantry.migrations.operations", "statements.sql")
_log = logging.getLogger("tenantry.migrations")

MARK = "Created by a migration of database %s."

# Another session created the role after the check and before CREATE ROLE.
_ALREADY_THERE = ("42710", "23505")
_STILL_NEEDED = ("2BP01",)


@Operations.register_operation("create_role")
class CreateRoleOp(CreateOp):
    """Creates a role if it does not exist."""

    verb = "create_role"
    positional = ("name",)
    item: Role

    @classmethod
    def create_role(cls, operations: Operations, name: str, *, login: bool = False, bypass_rls: bool = False) -> None:
        """Create a role if it does not exist. An existing role is not changed."""
        operations.invoke(cls(Role(name, login, bypass_rls)))


@Operations.register_operation("drop_role")
class DropRoleOp(DropOp):
    """Drops a role that a migration of this database created."""

    verb = "drop_role"
    positional = ("name",)
    keywords = ()
    inverse = CreateRoleOp
    item: Role

    @classmethod
    def drop_role(cls, operations: Operations, name: str) -> None:
        """Drop a role that a migration of this database created, if no object depends on it; keep any other role."""
        operations.invoke(cls(Role(name)))


CreateRoleOp.inverse = DropRoleOp


@Operations.implementation_for(CreateRoleOp)
def _create(operations: Operations, operation: CreateRoleOp) -> None:
    role = operation.item
    if operations.migration_context.as_sql:
        _print_block(operations, "create_role_block", role, *role.create())
        return
    connection = operations.get_bind()
    if _standing(connection, role) is not None:
        return
    database = connection.exec_driver_sql("SELECT current_database()::text").scalar_one()
    mark = f"COMMENT ON ROLE {identifier(role.name)} IS {literal(MARK % database)}"
    run_as_login(connection, f"The role {role.name!r} must be created", *role.create(), mark, ignore=_ALREADY_THERE)


@Operations.implementation_for(DropRoleOp)
def _drop(operations: Operations, operation: DropRoleOp) -> None:
    role = operation.item
    if operations.migration_context.as_sql:
        table = literal(_version_table(operations))
        run_statements(operations, _STATEMENTS["unshare_block"].format(name=literal(role.name), table=table))
        _print_block(operations, "drop_role_block", role, *role.drop())
        return
    connection = operations.get_bind()
    reason = _drop_unless_needed(operations, connection, role)
    if reason:
        _log.warning("The role %s stays: %s.", role.name, reason)


def _drop_unless_needed(operations: Operations, connection: Connection, role: Role) -> str:
    """Drop the role and return '', or return the reason why it stays."""
    standing = _standing(connection, role)
    if standing is None:
        return ""
    comment, _, database = standing
    if comment != MARK % database:
        return f"no migration of database {database} created it"
    with connection.begin_nested() as savepoint:
        # The roles have SELECT on the version table; that privilege must not prevent the drop.
        table = _version_table(operations)
        if connection.exec_driver_sql("SELECT to_regclass($1)::text", (table,)).scalar() is not None:
            connection.exec_driver_sql(f"REVOKE ALL ON TABLE {table} FROM {identifier(role.name)}")
        standing = _standing(connection, role)
        dependents = standing[1] if standing else 0
        if dependents:
            savepoint.rollback()
            return f"{dependents} objects of this cluster depend on it"
        state = run_as_login(connection, f"The role {role.name!r} must be dropped", *role.drop(), ignore=_STILL_NEEDED)
        return "objects of another database depend on it" if state else ""


def _standing(connection: Connection, role: Role) -> tuple[str | None, int, str] | None:
    """Return the role's comment, the number of its dependents and the database's name; None if it does not exist."""
    row = connection.exec_driver_sql(_STATEMENTS["role_standing"], (role.name,)).one_or_none()
    return None if row is None else (row.comment, row.dependents, row.database)


def _print_block(operations: Operations, block: str, role: Role, statement: str) -> None:
    """Print a block that does the same as the online operation, and that runs as the login."""
    text = _STATEMENTS[block].format(name=literal(role.name), statement=literal(statement), mark=literal(MARK))
    print_as_login(operations, text)


def _version_table(operations: Operations) -> str:
    context = operations.migration_context
    return qualified(context.version_table_schema or "", context.version_table)
