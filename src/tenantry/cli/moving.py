"""The common part of `migrate` and `rollback`: move each service's schema to a revision, and print the result."""

from __future__ import annotations

from collections.abc import Sequence

from tenantry.cli.options import open_project
from tenantry.cli.output import say, write, write_json

__all__ = ["run_moves"]


def run_moves(names: Sequence[str], revision: str, *, is_back: bool, as_json: bool) -> None:
    """Move the services one after the other, and stop at the first error."""
    import asyncio

    from tenantry.migrations.revisions import move

    moves = []
    with open_project(names) as (_, deployments):
        for deployment in deployments:
            say(f"{deployment.name}: {'rolling back' if is_back else 'migrating'} to {revision}")
            moves.append(asyncio.run(move(deployment, revision, is_back=is_back)))
    if as_json:
        write_json({"services": moves})
        return
    for done in moves:
        moved = "nothing to do" if done.previous == done.revision else f"was at {done.previous or 'base'}"
        write(f"{done.service}: at {done.revision or 'base'}, {moved}")
