"""`tenantry psql`: runs psql on a service's database, as one of its roles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common, open_one
from tenantry.cli.output import write_json

if TYPE_CHECKING:
    from tenantry.commands.psql import As

__all__ = ["psql"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--as",
    "role",
    type=click.Choice(["app", "owner", "admin"]),
    default="app",
    show_default=True,
    help="The role of the session.",
)
@click.option("--tenant", help="Bind this tenant for the whole session.")
@common
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(
    context: click.Context,
    role: As,
    tenant: str | None,
    names: Sequence[str],
    as_json: bool,
    arguments: Sequence[str],
) -> None:
    """Run psql as one of the service's roles.

    Arguments after `--` are passed to psql: tenantry psql -- -c 'SELECT 1'. With --json, psql does not run; the
    document contains its address and role.
    """
    import asyncio

    from tenantry.commands.psql import open_shell, run_shell

    with open_one(names) as (project, deployment):
        shell = asyncio.run(open_shell(deployment, project, role=role, tenant=tenant))
        if as_json:
            write_json(
                {
                    "service": deployment.name,
                    "program": shell.program,
                    "address": shell.address,
                    "role": shell.role,
                    "tenant": shell.tenant,
                }
            )
            return
        status = run_shell(shell, arguments)
    context.exit(min(status, 1) if status >= 0 else 1)
