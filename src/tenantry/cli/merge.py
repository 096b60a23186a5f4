"""`tenantry merge`: writes a revision that follows all heads."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, open_one
from tenantry.cli.revision import tell_written

__all__ = ["merge"]


@click.command()
@click.option("-m", "--message", default="Merge", show_default=True, help="Summary of the revision.")
@common
def merge(message: str, names: Sequence[str], as_json: bool) -> None:
    """Merge several heads: write a revision without operations that follows all of them.

    Two heads arise when two people write a revision after the same one. Check that their operations do not depend on
    each other; then commit the new file.
    """
    import asyncio

    from tenantry.migrations.writing import merge_heads

    with open_one(names) as (_, deployment):
        written = asyncio.run(merge_heads(deployment, message))
    tell_written(written, as_json=as_json, nothing="The migrations have one head; nothing was written.")
