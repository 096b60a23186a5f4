"""Run a service's migrations from code, for the command line, the tests and `prepare`.

The invariant: if several processes migrate one database at the same time, one process migrates. The others wait, and
then have nothing to do.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from tenantry.deployment import Deployment
from tenantry.migrations.configuration import make_config
from tenantry.migrations.target import LOCK_WAIT, open_target

__all__ = ["current_revision", "migrate", "rollback"]

# Alembic stores the running migration in module globals (`alembic.context`, `alembic.op`), so a process runs one
# migration at a time, for any database. The wait never blocks, because the holder may be a task of the same event loop.
_ONE_AT_A_TIME = threading.Lock()
PAUSE = 0.02


async def migrate(
    deployment: Deployment, revision: str = "head", *, wait: float = LOCK_WAIT, accept_edits: bool = False
) -> None:
    """Upgrade the database to a revision; `wait` limits the wait for another process, in seconds.

    `accept_edits` records that the files of the applied revisions are right as they are.

    Raises:
        MigrationLocked: another process migrated for the whole time.
        RevisionFailed: a revision raised an error; it is rolled back, and earlier revisions stay.
        MigrationError: the revisions cannot be run here.
    """

    def upgrade(config: Config) -> None:
        config.attributes["accept_edits"] = accept_edits
        command.upgrade(config, revision)

    await _change(deployment, wait, upgrade)


async def rollback(deployment: Deployment, revision: str = "-1", *, wait: float = LOCK_WAIT) -> None:
    """Downgrade the database to a revision, by default the previous one; see `migrate`."""
    await _change(deployment, wait, lambda config: command.downgrade(config, revision))


async def current_revision(deployment: Deployment) -> str | None:
    """Return the database's current revision; None before the first."""

    def read(connection: Connection) -> str | None:
        return MigrationContext.configure(connection).get_current_revision()

    async with open_target(deployment) as target, target.connection() as connection:
        return await connection.run_sync(read)


async def _change(deployment: Deployment, wait: float, run: Callable[[Config], None]) -> None:
    def run_on(connection: Connection) -> None:
        config = make_config(deployment.service)
        config.attributes.update(connection=connection, deployment=deployment)
        run(config)

    async with (
        open_target(deployment) as target,
        target.exclusively(wait),
        target.connection() as connection,
        _alone_in_process(),
    ):
        await connection.run_sync(run_on)
        # If no revision ran, the later statements are in the transaction that reading the version began.
        await connection.commit()


@asynccontextmanager
async def _alone_in_process() -> AsyncIterator[None]:
    while not _ONE_AT_A_TIME.acquire(blocking=False):  # noqa: ASYNC110  # An Event has one loop.
        await asyncio.sleep(PAUSE)
    try:
        yield
    finally:
        _ONE_AT_A_TIME.release()
