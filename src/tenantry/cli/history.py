"""`tenantry history`: lists the revisions, and marks the revision of each database."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, open_project
from tenantry.cli.output import write_json, write_table

__all__ = ["history"]


@click.command()
@common
def history(names: Sequence[str], as_json: bool) -> None:
    """List each service's revisions, the oldest first. A * marks the revision of its database, `head` the newest."""
    import asyncio

    from tenantry.migrations.revisions import list_revisions

    with open_project(names) as (_, deployments):
        found = [one for deployment in deployments for one in asyncio.run(list_revisions(deployment))]
    if as_json:
        write_json({"revisions": found})
        return
    rows = [
        (
            " ".join(filter(None, ("*" if one.is_current else "", "head" if one.is_head else ""))),
            *(one.service, one.revision, one.down_revision, one.message),
        )
        for one in found
    ]
    write_table(("", "service", "revision", "after", "what it does"), rows)
