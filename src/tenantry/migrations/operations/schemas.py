"""`op.create_schema` and `op.drop_schema`.

The owner creates a schema, so that it owns it. If the owner lacks CREATE on the database, the login creates the schema
for it. A schema that exists already is used, and no downgrade drops it.
"""

from __future__ import annotations

import logging

from alembic.operations import Operations
from sqlalchemy import Connection

from tenantry import errors
from tenantry.migrations.operations.base import CreateOp, DropOp, run_statements
from tenantry.migrations.operations.elevation import INSUFFICIENT_PRIVILEGE, attempt, run_as_login
from tenantry.postgres.objects import Schema
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.postgres.statements import load_statements
from tenantry.sql import identifier, literal

__all__ = ["CreateSchemaOp", "DropSchemaOp"]

_STATEMENTS = load_statements("tenantry.migrations.operations", "statements.sql")
_log = logging.getLogger("tenantry.migrations")

_NOT_EMPTY = "2BP01"


@Operations.register_operation("create_schema")
class CreateSchemaOp(CreateOp):
    """Creates a schema if it does not exist."""

    verb = "create_schema"
    positional = ("name",)
    item: Schema

    @classmethod
    def create_schema(cls, operations: Operations, name: str) -> None:
        """Create a schema if it does not exist; the owner owns it.

        Raises:
            MigrationError: neither the owner nor the login may create it.
        """
        operations.invoke(cls(Schema(name)))


@Operations.register_operation("drop_schema")
class DropSchemaOp(DropOp):
    """Drops a schema that a migration created."""

    verb = "drop_schema"
    positional = ("name",)
    keywords = ()
    inverse = CreateSchemaOp
    item: Schema

    @classmethod
    def drop_schema(cls, operations: Operations, name: str) -> None:
        """Drop a schema that a migration created, if it is empty; keep any other schema."""
        operations.invoke(cls(Schema(name)))


CreateSchemaOp.inverse = DropSchemaOp


@Operations.implementation_for(CreateSchemaOp)
def _create(operations: Operations, operation: CreateSchemaOp) -> None:
    schema = operation.item
    created, marked = schema.create()
    if operations.migration_context.as_sql:
        _print_block(operations, "create_schema_block", schema, statement=literal(created), comment=literal(marked))
        return
    connection = operations.get_bind()
    standing = connection.exec_driver_sql(_STATEMENTS["schema_standing"], (schema.name,)).one_or_none()
    if standing is not None:
        _check_standing(connection, schema, is_usable=standing.is_usable)
        return
    error = attempt(connection, created, marked)
    if error is None:
        return
    if sqlstate_of(error) != INSUFFICIENT_PRIVILEGE:
        raise error
    owner = connection.exec_driver_sql("SELECT current_user::text").scalar_one()
    for_owner = f"{created} AUTHORIZATION {identifier(owner)}"
    run_as_login(connection, f"The schema {schema.name!r} must be created", for_owner)
    run_statements(operations, marked)


@Operations.implementation_for(DropSchemaOp)
def _drop(operations: Operations, operation: DropSchemaOp) -> None:
    schema = operation.item
    (dropped,) = schema.drop()
    if operations.migration_context.as_sql:
        _print_block(operations, "drop_schema_block", schema, statement=literal(dropped), mark=literal(schema.mark))
        return
    connection = operations.get_bind()
    standing = connection.exec_driver_sql(_STATEMENTS["schema_standing"], (schema.name,)).one_or_none()
    if standing is None:
        return
    if standing.comment != schema.mark:
        _log.warning("The schema %s stays: no migration created it.", schema.name)
        return
    error = attempt(connection, dropped)
    if error is not None and sqlstate_of(error) == _NOT_EMPTY:
        # Without the mark, the comparison does not find a schema that the models no longer declare.
        run_statements(operations, f"COMMENT ON SCHEMA {identifier(schema.name)} IS NULL")
        _log.warning("The schema %s stays: it contains objects that no model declares.", schema.name)
    elif error is not None:
        raise error


def _check_standing(connection: Connection, schema: Schema, *, is_usable: bool) -> None:
    """Check that the owner may create objects in a schema, and grant USAGE on it.

    Raises:
        MigrationError: it may not. A GRANT without the right to grant does nothing, and is no error.
    """
    if not is_usable:
        owner = connection.exec_driver_sql("SELECT current_user::text").scalar_one()
        raise errors.MigrationError(
            f"The schema {schema.name!r} exists, and the owner role {owner!r} may not use it.",
            why="The owner needs CREATE on the schema, and USAGE with the right to grant it.",
            remedy=f"Run as a superuser: ALTER SCHEMA {identifier(schema.name)} OWNER TO {identifier(owner)};",
        )


def _print_block(operations: Operations, block: str, schema: Schema, **parts: str) -> None:
    """Print a block that does the same as the online operation."""
    run_statements(operations, _STATEMENTS[block].format(name=literal(schema.name), **parts))
