"""Run statements as the login that the owner may not run: CREATE ROLE, and CREATE EXTENSION if it is not trusted.

Migrations run as the owner, a role without LOGIN and without attributes. A statement that needs the login's privileges
runs between SET ROLE NONE and SET ROLE of the owner. The role is restored even if the statement fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from alembic.operations import Operations
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.migrations.operations.base import run_statements
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.sql import identifier

__all__ = ["INSUFFICIENT_PRIVILEGE", "as_login", "attempt", "print_as_login", "run_as_login"]

INSUFFICIENT_PRIVILEGE = "42501"


@contextmanager
def as_login(connection: Connection) -> Iterator[None]:
    """Run the block as the login, then SET ROLE to the previous role."""
    role, login = connection.exec_driver_sql("SELECT current_user::text, session_user::text").one()
    if role == login:
        yield
        return
    connection.exec_driver_sql("SET ROLE NONE")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SET ROLE {identifier(role)}")


def print_as_login(operations: Operations, *statements: str) -> None:
    """Print statements that a script runs as its login."""
    owner = operations.migration_context.opts.get("tenantry_owner")
    wrapped = ["SET ROLE NONE", *statements, f"SET ROLE {identifier(owner)}"] if owner else statements
    run_statements(operations, *wrapped)


def attempt(connection: Connection, *statements: str) -> DBAPIError | None:
    """Run statements in a savepoint; on an error, roll back to the savepoint and return the error."""
    try:
        with connection.begin_nested():
            for each in statements:
                connection.exec_driver_sql(each)
    except DBAPIError as error:
        if connection.invalidated or sqlstate_of(error) is None:
            raise
        return error
    return None


def run_as_login(connection: Connection, what: str, *statements: str, ignore: tuple[str, ...] = ()) -> str:
    """Run statements as the login; return '', or the SQLSTATE of an ignored error.

    Raises:
        MigrationError: the login lacks a privilege; the remedy has the statements for an administrator.
    """
    with as_login(connection):
        error = attempt(connection, *statements)
        if error is None:
            return ""
        state = sqlstate_of(error) or ""
        if state in ignore:
            return state
        if state != INSUFFICIENT_PRIVILEGE:
            raise error
        login = connection.exec_driver_sql("SELECT session_user::text").scalar_one()
    raise errors.MigrationError(
        f"{what}, but the login {login!r} may not do that.",
        why=f"{error.orig}".partition(": ")[2].partition("\n")[0].rstrip(".") + ".",
        remedy=f"Run as a superuser in this database: {'; '.join(statements)};",
    ) from error
