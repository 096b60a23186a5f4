"""`op.create_extension` and `op.drop_extension`.

The owner may create trusted extensions, others need the login's rights; the operation tries both. An extension whose
files the server does not have is named with the package that brings them.
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

# Extensions whose package has another name than themselves, as Debian and the PostgreSQL repositories call it.
PACKAGES = {
    "vector": "postgresql-{major}-pgvector",
    "postgis": "postgresql-{major}-postgis-3",
    "pg_cron": "postgresql-{major}-cron",
    "citus": "postgresql-{major}-citus",
}
# Since version 10 the core server's package brings these on Debian; elsewhere it is postgresql-contrib.
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
    """Creates an extension where it is absent."""

    verb = "create_extension"
    positional = ("name",)
    item: Extension

    @classmethod
    def create_extension(cls, operations: Operations, name: str) -> None:
        """Create an extension where it is absent.

        Raises:
            ExtensionMissing: the server has no files for it.
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
        """Drop an extension, unless somebody whom we may not act for has created it."""
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
            f"The server has no extension {extension.name}.",
            why="Its files are not installed where PostgreSQL runs.",
            remedy=f"Install the package that brings it, such as {package}, on the database's host.",
        )
    error = attempt(connection, *extension.create())
    if error is None:
        return
    if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
        raise error
    run_as_login(connection, f"Extension {extension.name} is missing", *extension.create())


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
        run_as_login(connection, f"Extension {extension.name} is to be dropped", *extension.drop())
    except errors.MigrationError:
        _log.warning("Extension %s is left in place: it is not ours to drop.", extension.name)
