"""A database whose models change: writes revisions, runs them, and asks all who judge a schema.

`define` declares the models of one state on the base class that it gets. Each state has its own metadata, so that a
test can go from one to another and back.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import full_schema
from alembic.autogenerate import produce_migrations
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import Operations
from alembic.operations.ops import OpContainer
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData
from sqlalchemy.orm import DeclarativeBase

from tenantry import Address, DatabaseSettings, Roles, Service, TenantBase
from tenantry.migrations.environment import comparison_options
from tenantry.postgres.connect import connect
from tenantry.postgres.definitions import Definitions, compare_definitions, read_definitions
from tenantry.proof.audit import audit
from tenantry.proof.audit.finding import Finding
from tenantry.secrets import StaticSource
from tenantry.sql import identifier, literal

__all__ = ["Define", "Lab", "Revision", "differences", "no_models"]

Define = Callable[[type[Any]], None]

RENDERING = {"sqlalchemy_module_prefix": "sa.", "alembic_module_prefix": "op.", "user_module_prefix": None}


@dataclasses.dataclass(frozen=True)
class Revision:
    """The text of a revision, and what `alembic check` says before it runs."""

    differences: list[Any]
    upgrade: str
    downgrade: str


def no_models(_base: type[Any]) -> None:
    """Declare nothing."""


class Lab:
    """One database, the connection of its owner, and the service of the present state."""

    def __init__(self, address: Address, folder: Path) -> None:
        self.address = address
        self.name = f"lab_{uuid.uuid4().hex[:10]}"
        self.roles = Roles(f"{self.name}_owner", f"{self.name}_app", f"{self.name}_admin")
        self.folder = folder / "migrations"
        full_schema.write_migrations(self.folder)
        # The tables of all states so far, which a project's revisions would create.
        self.created: set[tuple[str, str]] = set()

    def service(
        self, define: Define, *, extensions: tuple[str, ...] = (), naming_convention: dict[str, str] | None = None
    ) -> Service:
        """Return a service with the models that `define` declares; with a naming convention, on metadata of its own."""
        fields: dict[str, Any] = {}
        if naming_convention is not None:
            fields["metadata"] = MetaData(naming_convention=naming_convention)
        base = type("Base", (TenantBase, DeclarativeBase), fields)
        define(base)
        self.created |= {(table.schema or "public", table.name) for table in base.metadata.tables.values()}  # type: ignore[attr-defined]
        return Service(
            name=self.name,
            metadata=base.metadata,  # type: ignore[attr-defined]
            settings=DatabaseSettings,
            migrations=self.folder,
            app="lab:app",
            roles=self.roles,
            extensions=extensions,
        )

    async def build(self, service: Service) -> None:
        """Make the roles, and the version table as a migration makes it."""
        await full_schema.ensure(self.address, service)
        async with full_schema.session(self.address, role=self.roles.owner) as connection:
            await connection.exec_driver_sql("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
            await connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{full_schema.HEAD}')")
            grantees = f"{identifier(self.roles.application)}, {identifier(self.roles.admin)}"
            await connection.exec_driver_sql(f"GRANT SELECT ON alembic_version TO {grantees}")
            await connection.commit()

    async def available_extensions(self) -> set[str]:
        """Return the extensions that the server has."""
        async with full_schema.session(self.address) as connection:
            return set((await connection.exec_driver_sql("SELECT name FROM pg_available_extensions")).scalars())

    async def administer(self, *statements: str) -> None:
        """Run statements as another program of the owner."""
        async with full_schema.session(self.address, role=self.roles.owner) as connection:
            for statement in statements:
                await connection.exec_driver_sql(statement)
            await connection.commit()

    async def revision(self, service: Service) -> Revision:
        """Write the revision that brings the database to the state of the models."""
        async with full_schema.session(self.address, role=self.roles.owner) as connection:
            return await connection.run_sync(_write, service, frozenset(self.created))

    async def run(self, code: str, service: Service) -> None:
        """Run one direction of a revision, as the owner in one transaction."""
        async with full_schema.session(self.address, role=self.roles.owner) as connection:
            await connection.run_sync(_run, code, service)
            await connection.commit()

    async def audit(self, service: Service) -> list[Finding]:
        """Return what the audit finds, except about the server."""
        async with full_schema.session(self.address, role=self.roles.owner) as connection:
            return [one for one in await audit(connection, service) if one.code not in {"TN111", "TN501"}]

    async def catalog(self) -> Definitions:
        """Return the definition of every object in the database."""
        connection = await connect(StaticSource(self.address), deadline=10, application_name="test")
        try:
            return await read_definitions(connection)
        finally:
            await connection.close()

    async def execute(self, *statements: str, tenant: str = "north") -> list[Any]:
        """Run statements as the application in a tenant; return the first value of each that returns one."""
        values: list[Any] = []
        async with full_schema.session(self.address, role=self.roles.application) as connection:
            await connection.exec_driver_sql(f"SET LOCAL app.current_tenant_id = {literal(tenant)}")
            for statement in statements:
                result = await connection.exec_driver_sql(statement)
                values += [result.scalar()] if result.returns_rows else []
            await connection.commit()
        return values

    async def migrate(self, service: Service) -> Revision:
        """Write the revision, run it, and check that all views agree afterwards."""
        revision = await self.revision(service)
        await self.run(revision.upgrade, service)
        await self.check(service)
        return revision

    async def check(self, service: Service) -> None:
        """Check that neither autogenerate nor the audit finds anything."""
        again = await self.revision(service)
        assert again.upgrade == "", again.upgrade
        assert again.differences == []
        assert [str(one) for one in await self.audit(service)] == []


def differences(before: Definitions, after: Definitions) -> str:
    """Return how two readings of the catalog differ, as a diff."""
    return "\n".join(map(str, compare_definitions(before, after)))


def _write(connection: Connection, service: Service, created: frozenset[tuple[str, str]]) -> Revision:
    context = MigrationContext.configure(connection, opts=comparison_options(service, connection, {}, lambda: created))
    script = produce_migrations(context, service.metadata)
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    found = script.upgrade_ops.as_diffs()
    return Revision(found, *(_render(context, each) for each in (script.upgrade_ops, script.downgrade_ops)))


def _render(context: MigrationContext, operations: OpContainer) -> str:
    rendering = AutogenContext(context, opts={**context.opts, **RENDERING})
    lines = [line for operation in operations.ops for line in render_op(rendering, operation)]
    return "\n".join([*sorted(rendering.imports), *lines])


def _run(connection: Connection, code: str, service: Service) -> None:
    options = comparison_options(service, connection, {}, frozenset)
    operations = Operations(MigrationContext.configure(connection, opts=options))
    names: dict[str, Any] = {"op": operations}
    exec(f"import sqlalchemy as sa\n{code}", names)  # noqa: S102  # a revision
