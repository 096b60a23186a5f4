"""`tenantry up`: prepares and serves all services in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common
from tenantry.cli.output import say, write, write_json
from tenantry.cli.prepare import narrate, say_findings

if TYPE_CHECKING:
    from tenantry.commands.up import Guide
    from tenantry.deployment import Deployment

__all__ = ["up"]

HOST = "127.0.0.1"


@click.command()
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=8000,
    show_default=True,
    envvar="PORT",
    show_envvar=True,
    help="The port on 127.0.0.1.",
)
@click.option("--fresh", is_flag=True, help="Drop the services' databases on the embedded server first.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation of --fresh.")
@click.option("--no-demo", is_flag=True, help="Insert no demonstration rows.")
@common
@click.pass_context
def up(
    context: click.Context,
    port: int,
    fresh: bool,
    yes: bool,
    no_demo: bool,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Prepare the databases, and serve all services on one port.

    Ctrl-C stops the services. The data are kept for the next start.
    """
    import asyncio

    from tenantry.commands import prepare as preparation
    from tenantry.commands import up as serving
    from tenantry.commands.start_locks import StartLocks
    from tenantry.deployment import load_deployments, open_deployments
    from tenantry.project import find_project

    serving.check_port(HOST, port)
    project = find_project()
    if fresh:
        _agree(load_deployments(project, names), is_agreed=yes)
    with open_deployments(project, names) as deployments:
        locks = StartLocks(project, say, is_embedded=any(one.is_embedded for one in deployments))
        if fresh:
            with locks.dropping():
                _drop(deployments)
        with locks.starting() as end_start:
            for deployment in deployments:
                with locks.preparing(deployment.service):
                    prepared = asyncio.run(preparation.prepare(deployment, narrate(deployment.name)))
                    if say_findings(prepared):
                        say(f"{deployment.name}: not served, because the audit found errors")
                        context.exit(1)
                    if not no_demo:
                        _put_in_demo(deployment)
            guide = serving.make_guide(deployments, f"http://{HOST}:{port}", with_demo=not no_demo)

            def on_ready() -> None:
                end_start()
                _tell(guide, as_json=as_json)

            services = [deployment.service for deployment in deployments]
            status = serving.serve_all(services, HOST, port, on_ready)
    context.exit(status)


def _put_in_demo(deployment: Deployment) -> None:
    import asyncio

    from tenantry.commands import up as serving

    if not deployment.service.demo:
        return
    if not deployment.is_embedded:
        say(f"{deployment.name}: no demonstration rows, because its database is not on the embedded server")
        return
    asyncio.run(serving.seed(deployment))
    say(f"{deployment.name}: demonstration rows exist")


def _agree(deployments: Sequence[Deployment], *, is_agreed: bool) -> None:
    """Check that the databases are on the embedded server, and that the user confirmed their removal."""
    elsewhere = [one.name for one in deployments if not one.is_embedded]
    if elsewhere:
        raise click.UsageError(
            f"--fresh drops databases on the embedded server only; {elsewhere[0]} uses another server."
        )
    if not is_agreed:
        if not sys.stdin.isatty():
            raise click.UsageError("--fresh needs a confirmation. Without a terminal, add --yes.")
        databases = ", ".join(one.service.database for one in deployments)
        click.confirm(f"Drop the databases {databases} with all rows?", abort=True, err=True)


def _drop(deployments: Sequence[Deployment]) -> None:
    import asyncio

    from tenantry.commands.prepare import drop_database

    for deployment in deployments:
        asyncio.run(drop_database(deployment))
        say(f"{deployment.name}: database {deployment.service.database} dropped")


def _tell(guide: Guide, *, as_json: bool) -> None:
    if as_json:
        write_json(guide)
        sys.stdout.flush()
        return
    write(f"\nServing on {guide.url}")
    write(f"  health   curl {guide.url}/readyz")
    for service in guide.services:
        write(f"\n{service.title}: {service.url}")
        write(f"  # its documentation\n  {service.docs}")
        for example in service.examples:
            write(f"  # {example.title}\n  {example.command}")
    write("\nCtrl-C stops it.")
    sys.stdout.flush()
