"""`tenantry status`: shows the server, and each service's revision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.moving import warn_of_edits
from tenantry.cli.options import common
from tenantry.cli.output import say, write, write_json, write_table

__all__ = ["status"]


@click.command()
@common
def status(names: Sequence[str], as_json: bool) -> None:
    """Show the server and each service's revision. The command starts nothing."""
    import asyncio

    from tenantry.commands.status import read_status
    from tenantry.deployment import load_deployments
    from tenantry.project import find_project

    deployments = load_deployments(find_project(), names, makes_secrets=False)
    standing = asyncio.run(read_status(deployments))
    for warning in standing.warnings:
        say(f"Warning: {warning}")
    if as_json:
        write_json(standing)
    else:
        server = standing.server
        version = f" {server.version}" if server.version else ""
        place = f" at {server.address}" if server.running and server.address else ""
        write(f"PostgreSQL{version} ({server.kind}): {'running' if server.running else 'not running'}{place}")
        write_table(
            ("service", "database", "revision", "head", "ready", ""),
            [
                (one.name, one.database, one.revision, one.head, "yes" if one.ready else "no", one.problem)
                for one in standing.services
            ],
        )
    by_name = {deployment.name: deployment for deployment in deployments}
    for one in standing.services:
        warn_of_edits(by_name[one.name], one.edited)
