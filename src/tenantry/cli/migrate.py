"""`tenantry migrate`: upgrades databases to a revision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.moving import run_moves
from tenantry.cli.options import common

__all__ = ["migrate"]


@click.command()
@click.argument("revision", default="head")
@common
def migrate(revision: str, names: Sequence[str], as_json: bool) -> None:
    """Upgrade the schema to REVISION, by default the newest.

    If several processes migrate at the same time, one process migrates. The others wait, and then have nothing to do.
    """
    run_moves(names, revision, is_back=False, as_json=as_json)
