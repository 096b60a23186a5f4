"""`tenantry migrate`: upgrades databases to a revision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.moving import run_moves
from tenantry.cli.options import common, open_project

__all__ = ["migrate"]


@click.command()
@click.argument("revision", default="head")
@click.option(
    "--accept-edits", is_flag=True, help="Accept the files of applied revisions as they are, also edited files."
)
@common
def migrate(revision: str, accept_edits: bool, names: Sequence[str], as_json: bool) -> None:
    """Upgrade the schema to REVISION, by default the newest.

    If several processes migrate at the same time, one process migrates. The others wait, and then have nothing to do.
    A revision that fails is rolled back as a whole; the revisions before it stay.
    """
    with open_project(names) as (_, deployments):
        run_moves(deployments, revision, is_back=False, as_json=as_json, accept_edits=accept_edits)
