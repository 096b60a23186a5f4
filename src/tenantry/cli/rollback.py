"""`tenantry rollback`: downgrades databases to an earlier revision."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.moving import run_moves
from tenantry.cli.options import common, find_services, only, open_project
from tenantry.cli.output import say

if TYPE_CHECKING:
    from tenantry.migrations.losses import RollbackPlan

__all__ = ["rollback"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("revision", default="-1")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@common
@click.pass_context
def rollback(context: click.Context, revision: str, yes: bool, names: Sequence[str], as_json: bool) -> None:
    """Downgrade the schema to REVISION, by default the previous one.

    REVISION may be relative (-2), or `base` for an empty schema. The command names the tables and columns that it
    drops, and asks. In a project with several services, name the service with --service.
    """
    import asyncio

    from tenantry.migrations.losses import plan_rollback

    if not yes and not sys.stdin.isatty():
        raise click.UsageError("A rollback needs a confirmation. Without a terminal, add --yes.")
    if not names:
        _, services = find_services(names)
        names = [only(services).name]
    with open_project(names) as (_, deployments):
        for deployment in deployments:
            _tell(asyncio.run(plan_rollback(deployment, revision)))
        if not yes and not click.confirm(f"Roll back {', '.join(names)}?", err=True):
            say("Nothing was changed.")
            context.exit(1)
        run_moves(deployments, revision, is_back=True, as_json=as_json)


def _tell(plan: RollbackPlan) -> None:
    if plan.revisions:
        say(f"{plan.service}: reverses {', '.join(plan.revisions)}")
    if plan.losses is None:
        say(f"{plan.service}: the downgrade cannot be read without running it, so what it drops is unknown")
    elif plan.losses:
        say(f"{plan.service}: drops for good {', '.join(map(str, plan.losses))}")
    elif plan.revisions:
        say(f"{plan.service}: drops no table and no column")
