"""Doing as the login what the owner of the tables may not: making roles, and extensions that are not trusted.

Migrations run as the owner, a role that cannot log in and has no attributes. Where a statement needs the login's own
rights, it is taken back for that statement only, and the owner again afterwards, also when the statement is refused.
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
    """Take off the role that was set, and put it on again."""
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
    """Print statements for a script, to be run as its login."""
    owner = operations.migration_context.opts.get("tenantry_owner")
    wrapped = ["SET ROLE NONE", *statements, f"SET ROLE {identifier(owner)}"] if owner else statements
    run_statements(operations, *wrapped)


def attempt(connection: Connection, *statements: str) -> DBAPIError | None:
    """Run statements in a savepoint; return the error that undid them, and leave the transaction alive."""
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
    """Run statements as the login; return '' or the ignored SQLSTATE that undid them.

    Raises:
        MigrationError: the login may not; the remedy holds the statements for an administrator.
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
        f"{what}, and the login {login} may not do that.",
        why=f"{error.orig}".partition(": ")[2].partition("\n")[0].rstrip(".") + ".",
        remedy=f"Have an administrator of this database run: {'; '.join(statements)};",
    ) from error
