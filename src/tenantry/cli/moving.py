"""The common part of `migrate` and `rollback`: move each service's schema to a revision, and print the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.deployment import Deployment
    from tenantry.migrations.recorded import Edited

__all__ = ["run_moves", "warn_of_edits"]


def run_moves(
    deployments: Sequence[Deployment],
    revision: str,
    *,
    is_back: bool,
    as_json: bool,
    accept_edits: bool = False,
) -> None:
    """Move the services one after the other, and stop at the first error."""
    import asyncio

    from tenantry.migrations.revisions import move

    moves = []
    for deployment in deployments:
        say(f"{deployment.name}: {'rolling back' if is_back else 'migrating'} to {revision}")
        done = asyncio.run(move(deployment, revision, is_back=is_back, accept_edits=accept_edits))
        moves.append(done)
        warn_of_edits(deployment, done.edited)
        if not as_json:
            moved = "nothing to do" if done.previous == done.revision else f"was at {done.previous or 'base'}"
            write(f"{done.service}: at {done.revision or 'base'}, {moved}")
    if as_json:
        write_json({"services": moves})


def warn_of_edits(deployment: Deployment, edited: Iterable[Edited]) -> None:
    """Print a warning for each applied revision whose file was edited."""
    from tenantry.migrations.recorded import describe_edited

    for one in edited:
        what, remedy = describe_edited(one, deployment.service)
        say(f"{deployment.name}: warning: {what}")
        say(f"  {remedy}")
