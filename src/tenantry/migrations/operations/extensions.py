"""`op.create_extension` and `op.drop_extension`.

The owner may create trusted extensions; other extensions need the login's privileges. The operation tries both. If the
server does not have an extension's files, the error names the package that contains them.
"""

from __future__ import annotations

import logging

from alembic.operations import Operations

from tenantry import errors
from tenantry.migrations.operations.base import CreateOp, DropOp
from tenantry.migrations.operations.elevation import INSUFFICIENT_PRIVILEGE, attempt, print_as_login, run_as_login
from tenantry.postgres.objects import Extension
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.postgres.statements import load_statements

__all__ = ["CreateExtensionOp", "DropExtensionOp"]

_STATEMENTS = load_statements("tenantry.migrations.operations", "statements.sql")
_log = logging.getLogger("tenantry.migrations")

# Extensions whose package in Debian and in the PostgreSQL repositories has another name.
PACKAGES = {
    "vector": "postgresql-{major}-pgvector",
    "postgis": "postgresql-{major}-postgis-3",
    "pg_cron": "postgresql-{major}-cron",
    "citus": "postgresql-{major}-citus",
}
# Since version 10, Debian's server package contains these. Elsewhere they are in postgresql-contrib.
CONTRIB = (
    "btree_gin",
    "btree_gist",
    "citext",
    "hstore",
    "ltree",
    "pg_stat_statements",
    "pg_trgm",
    "pgcrypto",
    "unaccent",
)


@Operations.register_operation("create_extension")
class CreateExtensionOp(CreateOp):
    """Creates an extension if it does not exist."""

    verb = "create_extension"
    positional = ("name",)
    item: Extension

    @classmethod
    def create_extension(cls, operations: Operations, name: str) -> None:
        """Create an extension if it does not exist.

        Raises:
            ExtensionMissing: the server does not have its files.
            MigrationError: neither the owner nor the login may create it.
        """
        operations.invoke(cls(Extension(name)))


@Operations.register_operation("drop_extension")
class DropExtensionOp(DropOp):
    """Drops an extension."""

    verb = "drop_extension"
    positional = ("name",)
    keywords = ()
    inverse = CreateExtensionOp
    item: Extension

    @classmethod
    def drop_extension(cls, operations: Operations, name: str) -> None:
        """Drop an extension; it stays if neither the owner nor the login may drop it."""
        operations.invoke(cls(Extension(name)))


CreateExtensionOp.inverse = DropExtensionOp


@Operations.implementation_for(CreateExtensionOp)
def _create(operations: Operations, operation: CreateExtensionOp) -> None:
    extension = operation.item
    if operations.migration_context.as_sql:
        print_as_login(operations, *extension.create())
        return
    connection = operations.get_bind()
    standing = connection.exec_driver_sql(_STATEMENTS["extension_standing"], (extension.name,)).one()
    if standing.is_installed:
        return
    if not standing.is_available:
        package = PACKAGES.get(extension.name, f"postgresql-{standing.major}-{extension.name.replace('_', '-')}")
        package = "postgresql-contrib" if extension.name in CONTRIB else package.format(major=standing.major)
        raise errors.ExtensionMissing(
            f"The server does not have the extension {extension.name!r}.",
            why="The files of the extension are not installed on the database's host.",
            remedy=f"Install its package, such as {package}, on the database's host.",
        )
    error = attempt(connection, *extension.create())
    if error is None:
        return
    if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
        raise error
    run_as_login(connection, f"The extension {extension.name!r} must be created", *extension.create())


@Operations.implementation_for(DropExtensionOp)
def _drop(operations: Operations, operation: DropExtensionOp) -> None:
    extension = operation.item
    if operations.migration_context.as_sql:
        print_as_login(operations, *extension.drop())
        return
    connection = operations.get_bind()
    error = attempt(connection, *extension.drop())
    if error is None:
        return
    if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
        raise error
    try:
        run_as_login(connection, f"The extension {extension.name!r} must be dropped", *extension.drop())
    except errors.MigrationError:
        _log.warning("The extension %s stays: neither the owner nor the login may drop it.", extension.name)
