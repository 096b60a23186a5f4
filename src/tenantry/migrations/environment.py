"""The Alembic environment: a service's `env.py` calls it to run the current Alembic command on the database.

    from tenantry.alembic import run_environment
    run_environment("ai_agents.service:service")

So `alembic upgrade head`, `downgrade`, `current`, `check`, `history` and `revision --autogenerate` work in the
service's folder, with the address from its variables. Commands that change the database hold the migration lock and run
as the owner. Other commands change nothing. A connection in `config.attributes["connection"]` is used unchanged,
because its caller already holds the lock and has set the role.
"""

from __future__ import annotations

import asyncio
import logging.config
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack, nullcontext
from functools import cache, partial
from typing import Any

from alembic import context
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from alembic.script.revision import MultipleHeads
from alembic.util import CommandError
from sqlalchemy import Connection

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.compare import PLUGIN, Options
from tenantry.migrations.configuration import provide_template
from tenantry.migrations.created_tables import created_tables
from tenantry.migrations.default_schema import without_default_schema
from tenantry.migrations.failure import explain, stored_heads
from tenantry.migrations.folder import check_folder, several_heads, versions_of
from tenantry.migrations.progress import Progress
from tenantry.migrations.recorded import Recorder
from tenantry.migrations.render import render_item
from tenantry.migrations.target import open_target
from tenantry.migrations.undeclared import LeftAloneOp, TableKey, read_partitions
from tenantry.migrations.version_table import share_block, share_version_table
from tenantry.migrations.waivers import accepted_differences
from tenantry.postgres.catalog import read_created_schemas
from tenantry.service import Service, import_attribute
from tenantry.sql import identifier
from tenantry.tenancy.signed_context.keys import has_keys_table, push_keys
from tenantry.tracebacks import shown_path

__all__ = ["comparison_options", "run_environment"]

_logger = logging.getLogger("tenantry.migrations")


def run_environment(service: Service | str) -> None:
    """Run the current Alembic command.

    Args:
        service: the service, or `module:attribute` of it. With the text, an error in the service's modules is shown in
            one sentence.

    Raises:
        CommandError: the command failed. Alembic's command line prints its message.
    """
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is not None:
        _dispatch(_find(service), connection)
        return
    try:
        _dispatch(_find(service))
    except errors.TenantryError as error:
        raise CommandError(str(error)) from error


def _dispatch(service: Service, connection: Connection | None = None) -> None:
    """Check the models and the revisions, before Alembic reads them, and run the command.

    Raises:
        DeclarationError: a model's table cannot be isolated.
        RevisionsInvalid: the files do not form one history, or the command needs one head.
    """
    service.check_models()
    check_folder(service, context.script)
    try:
        if connection is not None:
            _run(connection, service)
        elif context.is_offline_mode():
            _print(service)
        else:
            _configure_logging()
            _provide_template()
            asyncio.run(_connect_and_run(service))
    except CommandError as error:
        if isinstance(error.__cause__, MultipleHeads):
            raise several_heads(service, context.script) from error
        raise


def _find(service: Service | str) -> Service:
    if isinstance(service, Service):
        return service
    # A command of `tenantry` has loaded the service already.
    found: Service = context.config.attributes.get("service") or import_attribute(service)
    return found


def _provide_template() -> None:
    """Provide the template if the command is `alembic revision`, which fails without it after the comparison."""
    command = getattr(context.config.cmd_opts, "cmd", None)
    if command and command[0].__name__ == "revision":
        provide_template(context.script)


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
    # Alembic logs the message of an error and prints it too.
    logging.getLogger("alembic.util.messaging").setLevel(logging.CRITICAL)


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
        for name in context.get_context().opts["tenantry_options"].left_alone:
            _logger.warning("Left alone, because no declaration mentions it: %s", name)
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
    scripts = context.script
    # `alembic stamp --purge` is how to leave an unknown revision.
    if not getattr(context.config.cmd_opts, "purge", False):
        _check_database(stored_heads(connection), scripts, service)
    if not _is_changing():
        # Without `dont_mutate`, a command that only reads would create the version table.
        context.configure(connection=connection, **_options(service, connection), dont_mutate=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    progress, recorder = Progress(connection), Recorder()
    on_apply = _on_apply(recorder, progress)
    context.configure(connection=connection, **_options(service, connection), on_version_apply=on_apply)
    try:
        with context.begin_transaction():
            context.run_migrations()
    except CommandError:
        raise
    except Exception as error:
        raise explain(error, service, connection, progress, scripts) from error
    finally:
        progress.close()
    with nullcontext() if connection.in_transaction() else connection.begin():
        accepts = bool(context.config.attributes.get("accept_edits"))
        has_moved = bool(progress.steps)
        recorder.finish(context.get_context(), scripts, service, has_moved=has_moved, accept_edits=accepts)
        share_version_table(connection, service.roles)
    _push_keys(connection)


def _on_apply(recorder: Recorder, progress: Progress | None = None) -> Callable[..., None]:
    """Return the function that Alembic calls in the transaction of each revision, after its operations."""

    def apply_version(ctx: MigrationContext, step: MigrationInfo, heads: Any, run_args: Any) -> None:
        del heads, run_args
        if progress is not None:
            progress.apply_version(step)
        recorder.apply_version(ctx, step)

    return apply_version


def _check_database(stored: Sequence[str], scripts: ScriptDirectory, service: Service) -> None:
    """Check that the folder has the revisions of the database.

    Raises:
        DatabaseAhead: it does not have one of them.
    """
    known = {script.revision for script in scripts.walk_revisions()}
    unknown = [revision for revision in stored if revision not in known]
    if unknown:
        folder = shown_path(versions_of(service))
        raise errors.DatabaseAhead(
            f"The database of {service.name} is at revision {unknown[0]}, and no file in {folder} has this id.",
            why="Newer code or another branch migrated the database. Nothing was changed.",
            remedy=f"Get the code that has the revision (git log --all --stat -- {folder}). With that code, `tenantry "
            "rollback` can reverse it.",
        )


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
        on_version_apply=_on_apply(Recorder()),
        **_options(service),
    )
    script = context.get_context().impl
    script.static_output(f"SET ROLE {identifier(service.roles.owner)};")
    with context.begin_transaction():
        context.run_migrations()
    script.static_output(f"{share_block(service.roles)};")


def _options(service: Service, connection: Connection | None = None) -> dict[str, Any]:
    return comparison_options(service, connection, context.config.attributes, partial(created_tables, context.script))


def comparison_options(
    service: Service,
    connection: Connection | None,
    attributes: dict[str, Any],
    created: Callable[[], AbstractSet[TableKey]],
) -> dict[str, Any]:
    """Return the options of `EnvironmentContext.configure`.

    Args:
        service: the service to compare with the database.
        connection: to the database; None for a script.
        attributes: those of Alembic's configuration.
        created: returns the tables that the revisions create.
    """
    models = {(table.schema or "public", table.name) for table in service.metadata.tables.values()}
    options = Options(
        roles=service.roles,
        own=service.objects,
        created=created,
        accepted=accepted_differences(service.waivers),
        requested=frozenset(attributes.get("tenantry_drop", ())),
        left_alone=attributes.setdefault("tenantry_left_alone", []),
    )

    @cache
    def partitions() -> frozenset[TableKey]:
        """Return the partitions in the schemas of the models and of earlier migrations.

        It is called only for a comparison, so that other commands do not begin a transaction.
        """
        if connection is None:
            return frozenset()
        schemas = {*read_created_schemas(connection), *(schema for schema, _ in models), "public"}
        return frozenset(read_partitions(connection, schemas))

    def include_name(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        """Leave out partitions, which are compared as objects, or belong to a job."""
        table = (parents.get("schema_name") or "public", name or "")
        return kind != "table" or table in models or table not in partitions()

    def name_what_stays(_context: Any, _revision: Any, directives: list[ops.MigrationScript]) -> None:
        """Write the names of the undeclared objects into a revision that has operations."""
        for upgrade in (each for script in directives for each in script.upgrade_ops_list):
            if options.left_alone and not upgrade.is_empty():
                upgrade.ops.append(LeftAloneOp(options.left_alone))

    return {
        "target_metadata": without_default_schema(service.metadata),
        "transaction_per_migration": True,
        "include_name": include_name,
        "render_item": render_item,
        "process_revision_directives": name_what_stays,
        "autogenerate_plugins": [PLUGIN],
        "tenantry_objects": service.declared_objects(),
        "tenantry_owner": service.roles.owner,
        "tenantry_options": options,
    }
