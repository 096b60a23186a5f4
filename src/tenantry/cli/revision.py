"""`tenantry revision`: writes a new migration."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, open_one
from tenantry.cli.output import write, write_json

__all__ = ["revision"]


@click.command()
@click.option("-m", "--message", required=True, help="What the revision does; becomes part of its file's name.")
@click.option("--empty", "is_empty", is_flag=True, help="Do not compare; leave it to be filled by hand.")
@common
def revision(message: str, is_empty: bool, names: Sequence[str], as_json: bool) -> None:
    """Write the migration from what the database holds to what the models say."""
    import asyncio

    from tenantry.migrations.revisions import make_revision

    with open_one(names) as (_, deployment):
        path = asyncio.run(make_revision(deployment, message, is_empty=is_empty))
    if as_json:
        write_json({"service": deployment.name, "path": path})
    else:
        write(str(path) if path else "The database holds what the models say; no revision was written.")
