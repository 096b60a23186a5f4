"""`tenantry rollback`: downgrades databases to an earlier revision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.moving import run_moves
from tenantry.cli.options import common

__all__ = ["rollback"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("revision", default="-1")
@common
def rollback(revision: str, names: Sequence[str], as_json: bool) -> None:
    """Downgrade the schema to REVISION, by default the previous one.

    REVISION may be relative (-2), or `base` for an empty schema.
    """
    run_moves(names, revision, is_back=True, as_json=as_json)
