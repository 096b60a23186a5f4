"""Runs each revision of a service up and down, and compares the catalog with what was there before.

The way up begins in an empty database, so that a table which an upgrade makes with IF NOT EXISTS and a downgrade
forgets is noticed: from the newest revision down and up again it would be there each time.
"""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import asyncpg
from alembic.script import Script

from tenantry import errors
from tenantry.migrations import migrate, rollback, script_directory
from tenantry.postgres.connect import connect
from tenantry.postgres.definitions import Change, Definitions, compare_definitions, read_definitions
from tenantry.secrets import StaticSource
from tenantry.service import Service
from tenantry.testing.administrator import NAME, PATIENCE
from tenantry.testing.scratch import ScratchDatabase

__all__ = ["Step", "describe_changes", "find_inexact_reverses", "list_steps", "read_catalog", "superuser"]


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One revision.

    Attributes:
        revision: its identifier.
        target: what `rollback` is given to undo this revision and no other.
        place: the identifier with the message, for people.
        path: its file.
        is_tested: whether its downgrade is tested.
    """

    revision: str
    target: str
    place: str
    path: str
    is_tested: bool


def list_steps(service: Service, first_revision: str = "") -> list[Step]:
    """Return the revisions in the order in which they run; those before `first_revision` are not tested.

    Raises:
        ConfigurationError: the service has no such revision.
    """
    scripts = list(reversed(list(script_directory(service).walk_revisions())))
    names = [script.revision for script in scripts]
    if first_revision and first_revision not in names:
        raise errors.ConfigurationError(
            f"The service {service.name} has no revision {first_revision!r}.",
            remedy=f"Set `first_revision` to one of: {', '.join(names)}.",
        )
    start = names.index(first_revision) if first_revision else 0
    return [_step(script, is_tested=number >= start) for number, script in enumerate(scripts)]


def _step(script: Script, *, is_tested: bool) -> Step:
    place = f"{script.revision} ({script.doc})" if script.doc else script.revision
    return Step(script.revision, _target(script), place, script.path, is_tested)


def _target(script: Script) -> str:
    """Name the parent along this revision's own branch, because another branch may begin at the same parent."""
    down = script.down_revision
    parent = down if isinstance(down, str | None) else down[0]
    return f"{script.revision}@{parent or 'base'}"


@asynccontextmanager
async def superuser(scratch: ScratchDatabase) -> AsyncIterator[asyncpg.Connection]:
    """Open a connection that sees the whole catalog."""
    connection = await connect(StaticSource(scratch.superuser), deadline=PATIENCE, application_name=NAME)
    try:
        yield connection
    finally:
        await connection.close()


async def read_catalog(scratch: ScratchDatabase) -> Definitions:
    """Return the definition of every object in the database."""
    async with superuser(scratch) as connection:
        return await read_definitions(connection)


def describe_changes(changes: Iterable[Change]) -> str:
    """Return the changes as one diff."""
    return "\n".join(map(str, changes))


async def find_inexact_reverses(scratch: ScratchDatabase, steps: list[Step]) -> list[str]:
    """Return a paragraph for each tested revision whose downgrade does not leave what was there before its upgrade.

    `scratch` is an empty database.
    """
    deployment = scratch.deployment
    # It runs no revision, and makes what every migration makes: the version table and its grants.
    await rollback(deployment, "base")
    catalogs = [await read_catalog(scratch)]
    for step in steps:
        await migrate(deployment, step.revision)
        catalogs.append(await read_catalog(scratch))
    found: list[str] = []
    # What one downgrade leaves behind is still there after the next, which is not to blame for it.
    known: set[Change] = set()
    for step, before in zip(reversed(steps), reversed(catalogs[:-1]), strict=True):
        if not step.is_tested:
            break
        try:
            await rollback(deployment, step.target)
        except Exception as error:  # noqa: BLE001  # A user's downgrade may raise anything.
            found.append(_describe_failure(step, error))
            break
        changes = [change for change in compare_definitions(before, await read_catalog(scratch)) if change not in known]
        if changes:
            found.append(_describe_difference(step, changes))
        known.update(changes)
    return found


def _describe_difference(step: Step, changes: list[Change]) -> str:
    return (
        f"The downgrade of revision {step.place} does not restore the catalog. Lines with - were there before its "
        f"upgrade, lines with + are there after its downgrade:\n{describe_changes(changes)}\n"
        f"Correct downgrade() in {step.path}."
    )


def _describe_failure(step: Step, error: BaseException) -> str:
    if isinstance(error, errors.RevisionFailed) and error.__cause__ is not None:
        error = error.__cause__
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == step.path]
    place = f"{step.path}, line {lines[-1]}" if lines else step.path
    reason = "".join(traceback.format_exception_only(error)).rstrip()
    return f"The downgrade of revision {step.place} failed:\n{reason}\nCorrect downgrade() in {place}."
