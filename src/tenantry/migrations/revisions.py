"""Revisions for the command line: list them, move a database to one, and write a new one."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic import command
from alembic.script import Script
from alembic.util import CommandError
from sqlalchemy import Connection

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.configuration import make_config, script_directory
from tenantry.migrations.runner import current_revision, migrate, rollback
from tenantry.migrations.target import open_target
from tenantry.service import Service

__all__ = ["Comparison", "Move", "Revision", "list_revisions", "make_revision", "move", "translated"]


@dataclass(frozen=True, slots=True)
class Move:
    """The result of a migration or a rollback."""

    service: str
    previous: str | None
    revision: str | None


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a service."""

    service: str
    revision: str
    down_revision: str | None
    message: str
    path: str
    is_current: bool
    is_head: bool


async def move(deployment: Deployment, revision: str, *, is_back: bool) -> Move:
    """Migrate or roll back to a revision.

    Raises:
        MigrationError: the revision does not exist, or cannot be run.
    """
    with translated(deployment.service):
        previous = await current_revision(deployment)
        await (rollback if is_back else migrate)(deployment, revision)
        return Move(deployment.name, previous, await current_revision(deployment))


async def list_revisions(deployment: Deployment) -> list[Revision]:
    """Return the service's revisions, the oldest first; one may be the database's current revision."""
    service = deployment.service
    with translated(service):
        current = await current_revision(deployment)
        scripts = script_directory(service)
        heads = set(scripts.get_heads())
        found = reversed(list(scripts.walk_revisions()))
        return [_revision(service, script, current, heads) for script in found]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of a comparison: the revision that was written, if anything differed, and what it leaves alone."""

    path: Path | None
    left_alone: tuple[str, ...]


async def make_revision(
    deployment: Deployment, message: str, *, is_empty: bool = False, drop: Collection[str] = ()
) -> Comparison:
    """Write a revision that changes the database to match the models.

    `is_empty` writes a revision without operations, for changes that a comparison cannot find. `drop` are the names of
    undeclared objects that the revision drops.

    Raises:
        MigrationError: the database is not at head, so a comparison would repeat earlier revisions.
    """
    made: list[Any] = []
    left_alone: list[str] = []

    def keep_if_needed(_context: Any, _revision: Any, directives: list[Any]) -> None:
        if not is_empty and directives[0].upgrade_ops.is_empty():
            directives.clear()

    def write(connection: Connection | None) -> None:
        config = make_config(deployment.service)
        config.attributes.update(tenantry_drop=drop, tenantry_left_alone=left_alone)
        # Quiet, because Alembic prints its progress to stdout, which is for data.
        config.cmd_opts = Namespace(quiet=True)
        if connection is not None:
            config.attributes["connection"] = connection
        script = command.revision(
            config, message, autogenerate=not is_empty, process_revision_directives=keep_if_needed
        )
        made.extend(script if isinstance(script, list) else [script])

    with translated(deployment.service):
        if is_empty:
            write(None)
        else:
            async with open_target(deployment) as target, target.connection() as connection:
                await connection.run_sync(write)
    scripts = [script for script in made if isinstance(script, Script)]
    return Comparison(Path(scripts[0].path) if scripts else None, tuple(left_alone))


@contextmanager
def translated(service: Service) -> Iterator[None]:
    """Translate Alembic's errors.

    Raises:
        MigrationError: with Alembic's message as its reason.
    """
    try:
        yield
    except CommandError as error:
        raise errors.MigrationError(
            f"Alembic failed on the migrations of {service.name}.",
            why=str(error).rstrip(".") + ".",
            remedy=f"List the revisions with: tenantry history --service {service.name}",
        ) from error


def _revision(service: Service, script: Script, current: str | None, heads: set[str]) -> Revision:
    down = script.down_revision
    return Revision(
        service=service.name,
        revision=script.revision,
        down_revision=down if isinstance(down, str | None) else ", ".join(down),
        message=script.doc,
        path=script.path,
        is_current=script.revision == current,
        is_head=script.revision in heads,
    )
