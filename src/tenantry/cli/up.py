"""`tenantry up`: everything, in the foreground."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common, find_services
from tenantry.cli.output import say, write, write_json
from tenantry.cli.prepare import narrate, say_findings

if TYPE_CHECKING:
    from tenantry.operations.serving import Guide
    from tenantry.postgres.server import Server
    from tenantry.service import Service
    from tenantry.settings import DatabaseSettings

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
    help="Where to listen, on 127.0.0.1.",
)
@click.option("--fresh", is_flag=True, help="Drop the services' databases on the embedded server first.")
@click.option("--yes", is_flag=True, help="Do not ask before --fresh drops anything.")
@click.option("--no-demo", is_flag=True, help="Put in no demonstration rows.")
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
    """Prepare everything, and serve all services on one port.

    Ctrl-C stops it; the data stay for the next time.
    """
    import asyncio

    from tenantry.operations import preparation, serving
    from tenantry.operations.development import load_settings
    from tenantry.operations.lease import leased
    from tenantry.operations.separation import check_separate
    from tenantry.operations.start_locks import StartLocks

    serving.check_port(HOST, port)
    project, services = find_services(names)
    pairs = [(service, load_settings(service, project)) for service in services]
    asyncio.run(check_separate(pairs))
    if fresh:
        _agree(pairs, is_agreed=yes)
    with leased(pairs) as server:
        locks = StartLocks(project, say, is_embedded=server is not None)
        if fresh and server is not None:
            with locks.dropping():
                _drop(services, server)
        with locks.starting() as end_start:
            for service, settings in pairs:
                with locks.preparing(service):
                    prepared = asyncio.run(preparation.prepare(service, settings, server, narrate(service.name)))
                    if say_findings(prepared):
                        say(f"{service.name}: not served, because its tenants might not be isolated")
                        context.exit(1)
                    if not no_demo:
                        _put_in_demo(service, settings, server)
            guide = serving.make_guide(pairs, f"http://{HOST}:{port}", with_demo=not no_demo)

            def on_ready() -> None:
                end_start()
                _tell(guide, as_json=as_json)

            status = serving.serve_all(services, HOST, port, on_ready)
    context.exit(status)


def _put_in_demo(service: Service, settings: DatabaseSettings, server: Server | None) -> None:
    import asyncio

    from tenantry.operations import serving

    if not service.demo:
        return
    if settings.source("application") is not None:
        say(f"{service.name}: no demonstration rows, because its database is not the embedded one")
        return
    asyncio.run(serving.seed(service, settings, server))
    say(f"{service.name}: demonstration rows are there")


def _agree(pairs: Sequence[tuple[Service, DatabaseSettings]], *, is_agreed: bool) -> None:
    """Make sure that the databases are ours to drop, and that somebody said so."""
    elsewhere = [service.name for service, settings in pairs if settings.source("application") is not None]
    if elsewhere:
        raise click.UsageError(f"--fresh drops databases of the embedded server only; {elsewhere[0]} has another.")
    if not is_agreed:
        if not sys.stdin.isatty():
            raise click.UsageError("--fresh asks before it drops anything; without a terminal, say --yes.")
        databases = ", ".join(service.database for service, _ in pairs)
        click.confirm(f"Drop {databases} with all rows?", abort=True, err=True)


def _drop(services: Sequence[Service], server: Server) -> None:
    import asyncio

    from tenantry.operations.preparation import drop_database

    for service in services:
        asyncio.run(drop_database(service, server))
        say(f"{service.name}: database {service.database} dropped")


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
