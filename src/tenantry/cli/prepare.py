"""`tenantry prepare`: creates the database, the roles and the schema, and audits them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common, open_project
from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.commands.prepare import Prepared

__all__ = ["narrate", "prepare", "say_findings"]


@click.command()
@common
@click.pass_context
def prepare(context: click.Context, names: Sequence[str], as_json: bool) -> None:
    """Start the server, create the database and the roles, migrate the schema, and audit the result.

    The command does only what is missing. You may run it many times, and in several processes at once.
    """
    import asyncio

    from tenantry.commands import prepare as preparation
    from tenantry.commands.start_locks import StartLocks

    prepared: list[Prepared] = []
    with open_project(names) as (project, deployments):
        locks = StartLocks(project, say, is_embedded=any(one.is_embedded for one in deployments))
        with locks.starting():
            for deployment in deployments:
                with locks.preparing(deployment.service):
                    prepared.append(asyncio.run(preparation.prepare(deployment, narrate(deployment.name))))
    if as_json:
        write_json({"services": prepared})
    else:
        for item in prepared:
            write(f"{item.service}: database {item.database} at revision {item.revision or 'base'}")
    if any(say_findings(item) for item in prepared):
        context.exit(1)


def say_findings(prepared: Prepared) -> bool:
    """Print the audit's findings; return True if one of them is an error."""
    for finding in prepared.findings:
        if finding.severity != "info":
            say(f"  {finding.severity} {finding.code} {finding.object}: {finding.message}")
            say(f"    {finding.remedy}")
    return any(finding.severity == "error" for finding in prepared.findings)


def narrate(name: str) -> Callable[[str], None]:
    """Return a function that prints each step of one service."""
    return lambda step: say(f"{name}: {step}")
