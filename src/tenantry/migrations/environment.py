"""The Alembic environment: a service's `env.py` calls it to run the current Alembic command on the database.

    from tenantry.alembic import run_environment
    from ai_agents.service import service
    run_environment(service)

So `alembic upgrade head`, `downgrade`, `current`, `check`, `history` and `revision --autogenerate` work in the
service's folder, with the address from its variables. Commands that change the database hold the migration lock and run
as the owner. Other commands change nothing. A connection in `config.attributes["connection"]` is used unchanged,
because its caller already holds the lock and has set the role.
"""

from __future__ import annotations

import asyncio
import logging.config
from collections.abc import Mapping
from contextlib import AsyncExitStack, nullcontext
from typing import Any, Literal

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.compare import PLUGIN
from tenantry.migrations.render import render_item
from tenantry.migrations.target import open_target
from tenantry.migrations.version_table import share_block, share_version_table
from tenantry.service import Service
from tenantry.sql import identifier
from tenantry.tenancy.partitions import partition_tables
from tenantry.tenancy.signed_context.keys import has_keys_table, push_keys

__all__ = ["comparison_options", "run_environment"]


def run_environment(service: Service) -> None:
    """Run the current Alembic command.

    Raises:
        CommandError: the command failed. Alembic's command line prints its message.
    """
    connection: Connection | None = context.config.attributes.get("connection")
    if context.is_offline_mode():
        _print(service)
    elif connection is not None:
        _run(connection, service)
    else:
        _configure_logging()
        try:
            asyncio.run(_connect_and_run(service))
        except errors.TenantryError as error:
            raise CommandError(str(error)) from error


def _configure_logging() -> None:
    """Configure logging from alembic.ini; if it has no logging section, log the revisions that run, and warnings."""
    path = context.config.config_file_name
    if path and context.config.file_config.has_section("loggers"):
        logging.config.fileConfig(path, disable_existing_loggers=False)
        return
    logging.basicConfig(format="%(message)s")
    migrations = logging.getLogger("alembic.runtime.migration")
    migrations.setLevel(logging.INFO)
    migrations.addFilter(lambda record: record.levelno > logging.INFO or record.msg.startswith("Running"))


async def _connect_and_run(service: Service) -> None:
    attributes = context.config.attributes
    deployment: Deployment = attributes.setdefault(
        "deployment", attributes.get("deployment") or Deployment.load(service)
    )
    async with open_target(deployment) as target, AsyncExitStack() as stack:
        if _is_changing():
            await stack.enter_async_context(target.exclusively())
        connection = await stack.enter_async_context(target.connection())
        await connection.run_sync(_run, service)
        # If no revision ran, the later statements are in the transaction that reading the version began.
        await connection.commit()


def _is_changing() -> bool:
    """Return True if the command changes the database: only then it has a target revision."""
    try:
        context.get_revision_argument()
    except KeyError:
        return False
    return True


def _run(connection: Connection, service: Service) -> None:
    is_changing = _is_changing()
    # Without this, a command that only reads would create the version table.
    looking: dict[str, Any] = {} if is_changing else {"dont_mutate": True}
    context.configure(connection=connection, **comparison_options(service), **looking)
    with context.begin_transaction():
        context.run_migrations()
    if is_changing:
        share_version_table(connection, service.roles)
        _push_keys(connection)


def _push_keys(connection: Connection) -> None:
    """Add the signing keys to the database, so that the release that starts next can use its keys."""
    deployment: Deployment | None = context.config.attributes.get("deployment")
    ring = deployment.settings.signing_ring() if deployment is not None else None
    if ring is None:
        return
    with nullcontext() if connection.in_transaction() else connection.begin():
        if has_keys_table(connection):
            push_keys(connection, ring)


def _print(service: Service) -> None:
    context.configure(
        url="postgresql+asyncpg://",
        literal_binds=True,
        dialect_opts={"paramstyle": "named"},
        **comparison_options(service),
    )
    script = context.get_context().impl
    script.static_output(f"SET ROLE {identifier(service.roles.owner)};")
    with context.begin_transaction():
        context.run_migrations()
    script.static_output(f"{share_block(service.roles)};")


def comparison_options(service: Service) -> dict[str, Any]:
    schemas = {table.schema for table in service.metadata.tables.values()} | {None}
    partitions = partition_tables(service.metadata)

    def include_name(
        name: str | None,
        kind: Literal["schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint"],
        parents: Mapping[str, str | None],
    ) -> bool:
        """Include only the schemas of the models. Declared partitions are compared as objects."""
        if kind == "table":
            return (parents.get("schema_name") or "public", name) not in partitions
        return kind != "schema" or name in schemas

    return {
        "target_metadata": service.metadata,
        "transaction_per_migration": True,
        "include_schemas": len(schemas) > 1,
        "include_name": include_name,
        "render_item": render_item,
        "autogenerate_plugins": [PLUGIN],
        "tenantry_objects": service.declared_objects(),
        "tenantry_owner": service.roles.owner,
    }
