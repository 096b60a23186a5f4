"""`tenantry revision`: writes a new revision file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, open_one
from tenantry.cli.output import say, write, write_json

__all__ = ["revision"]


@click.command()
@click.option("-m", "--message", required=True, help="Summary of the revision; it becomes part of the file name.")
@click.option("--empty", "is_empty", is_flag=True, help="Write an empty revision, without a comparison.")
@click.option("--drop", multiple=True, help="Also drop this undeclared object, by its name in the notes.")
@common
def revision(message: str, is_empty: bool, drop: Sequence[str], names: Sequence[str], as_json: bool) -> None:
    """Write a revision that migrates the database to the models."""
    import asyncio

    from tenantry.migrations.revisions import make_revision

    with open_one(names) as (_, deployment):
        made = asyncio.run(make_revision(deployment, message, is_empty=is_empty, drop=drop))
    if made.left_alone and not as_json:
        say("Left alone, because no declaration mentions them (--drop NAME drops one):")
        for name in made.left_alone:
            say(f"  {name}")
    if as_json:
        write_json({"service": deployment.name, "path": made.path, "left_alone": made.left_alone})
    else:
        write(str(made.path) if made.path else "The database matches the models; no revision was written.")
