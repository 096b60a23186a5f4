"""`tenantry revision`: writes a new revision file."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, open_one
from tenantry.cli.output import write, write_json

__all__ = ["revision"]


@click.command()
@click.option("-m", "--message", required=True, help="Summary of the revision; it becomes part of the file name.")
@click.option("--empty", "is_empty", is_flag=True, help="Write an empty revision, without a comparison.")
@common
def revision(message: str, is_empty: bool, names: Sequence[str], as_json: bool) -> None:
    """Write a revision that migrates the database to the models."""
    import asyncio

    from tenantry.migrations.revisions import make_revision

    with open_one(names) as (_, deployment):
        path = asyncio.run(make_revision(deployment, message, is_empty=is_empty))
    if as_json:
        write_json({"service": deployment.name, "path": path})
    else:
        write(str(path) if path else "The database matches the models; no revision was written.")
