"""Revisions for the command line: list them, and move a database to one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from alembic.script import Script
from alembic.script.revision import MultipleHeads
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.deployment import Deployment
from tenantry.migrations.configuration import script_directory
from tenantry.migrations.failure import server_sentence
from tenantry.migrations.folder import several_heads
from tenantry.migrations.recorded import Edited, read_edited
from tenantry.migrations.runner import current_revision, migrate, rollback
from tenantry.service import Service

__all__ = ["Move", "Revision", "list_revisions", "move", "translated"]


@dataclass(frozen=True, slots=True)
class Move:
    """The result of a migration or a rollback."""

    service: str
    previous: str | None
    revision: str | None
    edited: tuple[Edited, ...] = ()


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


async def move(deployment: Deployment, revision: str, *, is_back: bool, accept_edits: bool = False) -> Move:
    """Migrate or roll back to a revision.

    `accept_edits` records the checksums of all applied revisions again.

    Raises:
        MigrationError: the revision does not exist, or cannot be run.
    """
    with translated(deployment.service):
        previous = await current_revision(deployment)
        if is_back:
            await rollback(deployment, revision)
        else:
            await migrate(deployment, revision, accept_edits=accept_edits)
        edited = tuple(await read_edited(deployment, "migration"))
        return Move(deployment.name, previous, await current_revision(deployment), edited)


async def list_revisions(deployment: Deployment) -> list[Revision]:
    """Return the service's revisions, the oldest first; one may be the database's current revision."""
    service = deployment.service
    with translated(service):
        current = await current_revision(deployment)
        scripts = script_directory(service)
        heads = set(scripts.get_heads())
        found = reversed(list(scripts.walk_revisions()))
        return [_revision(service, script, current, heads) for script in found]


@contextmanager
def translated(service: Service) -> Iterator[None]:
    """Translate Alembic's errors and the driver's.

    Raises:
        SeveralHeads: the command needs one head.
        MigrationError: with the message of Alembic or of the server as its reason.
    """
    history = f"List the revisions with: tenantry history --service {service.name}"
    try:
        yield
    except CommandError as error:
        if isinstance(error.__cause__, MultipleHeads):
            raise several_heads(service, script_directory(service)) from error
        raise errors.MigrationError(
            f"Alembic failed on the migrations of {service.name}.",
            why=str(error).rstrip(".") + ".",
            remedy=history,
        ) from error
    except DBAPIError as error:
        raise errors.MigrationError(
            f"The database refused a statement on the migrations of {service.name}.",
            why=server_sentence(error),
            remedy="Check the migration login with: tenantry doctor",
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
