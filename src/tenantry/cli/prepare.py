"""`tenantry prepare`: from nothing to a database that holds what the models promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common, find_services
from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.operations.preparation import Prepared

__all__ = ["narrate", "prepare", "say_findings"]


@click.command()
@common
@click.pass_context
def prepare(context: click.Context, names: Sequence[str], as_json: bool) -> None:
    """Make server, database, roles and schema what they must be.

    Does only what is not done yet, and may run many times and in several processes at once.
    """
    import asyncio

    from tenantry.operations import preparation
    from tenantry.operations.development import load_settings
    from tenantry.operations.lease import leased
    from tenantry.operations.separation import check_separate
    from tenantry.operations.start_locks import StartLocks

    project, services = find_services(names)
    pairs = [(service, load_settings(service, project)) for service in services]
    asyncio.run(check_separate(pairs))
    prepared: list[Prepared] = []
    with leased(pairs) as server:
        locks = StartLocks(project, say, is_embedded=server is not None)
        with locks.starting():
            for service, settings in pairs:
                with locks.preparing(service):
                    tell = narrate(service.name)
                    prepared.append(asyncio.run(preparation.prepare(service, settings, server, tell)))
    if as_json:
        write_json({"services": prepared})
    else:
        for item in prepared:
            write(f"{item.service}: database {item.database} at revision {item.revision}")
    if any(say_findings(item) for item in prepared):
        context.exit(1)


def say_findings(prepared: Prepared) -> bool:
    """Tell of what the audit found; True if any of it is an error."""
    for finding in prepared.findings:
        if finding.severity != "info":
            say(f"  {finding.severity} {finding.code} {finding.object}: {finding.message}")
            say(f"    {finding.remedy}")
    return any(finding.severity == "error" for finding in prepared.findings)


def narrate(name: str) -> Callable[[str], None]:
    """Return what tells of each step of one service."""
    return lambda step: say(f"{name}: {step}")
