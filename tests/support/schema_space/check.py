"""What must hold for every schema: it is migrated, audited, used by tenants, rolled back and migrated again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from schema_space.project import Project
from schema_space.usage import check_usage
from tenantry import Address
from tenantry.migrations import migrate, rollback
from tenantry.migrations.pending import pending_operations
from tenantry.migrations.writing import make_revision
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.definitions import Definitions, compare_definitions, read_definitions
from tenantry.postgres.roles import ensure_roles
from tenantry.proof.audit import RULES
from tenantry.proof.audit.inspection import audit_database
from tenantry.secrets import StaticSource
from tenantry.testing.reversal import describe_changes

__all__ = ["Failure", "check_change", "check_schema", "make_schema"]

# What depends on the server alone, and not on the schema.
_OF_THE_SERVER = {RULES["server_outdated"].code}


class Failure(AssertionError):
    """A schema for which something does not hold; the text says which step found it."""


async def check_schema(models: ModuleType, folder: Path, address: Address) -> None:
    """Take models through their whole life in an empty database.

    Raises:
        Failure: a step did not leave what it should.
    """
    async with _begin(models, folder, address) as life:
        before = await life.read()
        await life.revise("first")
        await life.agree("after the first migration")
        made = await life.read()
        await check_usage(life.project)
        await rollback(life.project.deployment, "base")
        _equal(before, await life.read(), "after the downgrade to base")
        await migrate(life.project.deployment)
        _equal(made, await life.read(), "after the second upgrade")


async def make_schema(models: ModuleType, folder: Path, address: Address) -> Definitions:
    """Migrate an empty database to models, and return its catalog."""
    async with _begin(models, folder, address) as life:
        await life.revise("first")
        return await life.read()


async def check_change(
    before: ModuleType, after: ModuleType, folder: Path, address: Address, wanted: Definitions
) -> None:
    """Change the models of a migrated database, and go back.

    `wanted` is the catalog of a database that was made from the changed models alone.

    Raises:
        Failure: the revision does not make the one out of the other, or its downgrade does not undo it.
    """
    async with _begin(before, folder, address) as life:
        await life.revise("first")
        made = await life.read()
        life.project = life.project.changed(after)
        is_written = await life.revise("second")
        await life.agree("after the migration of the change")
        changed = await life.read()
        _equal(_unordered(wanted), _unordered(changed), "from that of the changed models made at once")
        if is_written:
            await rollback(life.project.deployment, "-1")
        _equal(_unordered(made), _unordered(await life.read()), "after the downgrade of the change")
        await migrate(life.project.deployment)
        _equal(_unordered(changed), _unordered(await life.read()), "after the second upgrade")
        # At the end, because a downgrade cannot bring back a column that is NOT NULL where there are rows.
        await check_usage(life.project)


@dataclass
class _Life:
    """One project, and a connection of the superuser that reads the catalog."""

    project: Project
    superuser: Connection

    async def read(self) -> Definitions:
        return await read_definitions(self.superuser)

    async def revise(self, message: str) -> bool:
        """Write a revision and apply it; return False if the database needs none."""
        written = await make_revision(self.project.deployment, message)
        await migrate(self.project.deployment)
        return written.path is not None

    async def agree(self, when: str) -> None:
        """The audit and `alembic check` have nothing to say."""
        findings = [one for one in await audit_database(self.project.deployment) if one.code not in _OF_THE_SERVER]
        if findings:
            raise Failure(f"The audit, {when}:\n" + "\n".join(f"{one} Remedy: {one.remedy}" for one in findings))
        operations = await pending_operations(self.project.deployment)
        if operations:
            raise Failure(f"`alembic check`, {when}, wants:\n{operations}")


@asynccontextmanager
async def _begin(models: ModuleType, folder: Path, address: Address) -> AsyncIterator[_Life]:
    project = Project.create(models, folder, address)
    superuser = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        await ensure_roles(superuser, project.service.roles)
        # It runs no revision, and makes what every migration makes: the version table and its grants.
        await rollback(project.deployment, "base")
        yield _Life(project, superuser)
    finally:
        await superuser.close()


def _unordered(definitions: Definitions) -> Definitions:
    """Return definitions that do not tell the order of a table's columns: one that is added comes last."""

    def sort(line: str) -> str:
        begin, word, names = line.partition("columns ")
        return f"{begin}{word}{', '.join(sorted(names.split(', ')))}" if not begin.strip() else line

    return {key: "\n".join(map(sort, text.split("\n"))) for key, text in definitions.items()}


def _equal(wanted: Definitions, found: Definitions, when: str) -> None:
    changes = compare_definitions(wanted, found)
    if changes:
        raise Failure(f"The catalog differs {when}:\n{describe_changes(changes)}")
