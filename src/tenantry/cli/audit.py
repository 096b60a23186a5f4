"""`tenantry audit`: whether a live database holds what the models promise."""

from __future__ import annotations

from collections.abc import Sequence

import click

from tenantry.cli.options import common, find_services
from tenantry.cli.output import say, write, write_json

__all__ = ["audit"]

SEVERITIES = ("info", "warning", "error")


@click.command()
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="Exit with 1 for findings of this severity or a graver one.",
)
@click.option("--database-url", metavar="URL", help="Look at this database instead of the service's own.")
@common
@click.pass_context
def audit(
    context: click.Context,
    fail_on: str,
    database_url: str | None,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Compare a live database with what the models promise.

    Reads the catalog in one read-only transaction, and is safe in production.
    """
    import asyncio

    from tenantry.operations.development import load_settings
    from tenantry.operations.inspection import audit_address, audit_database
    from tenantry.operations.lease import leased

    project, services = find_services(names)
    findings = []
    if database_url is not None:
        if len(services) > 1:
            raise click.UsageError("--database-url is one service's database; name it with --service.")
        findings = asyncio.run(audit_address(services[0], database_url))
    else:
        pairs = [(service, load_settings(service, project)) for service in services]
        with leased(pairs) as server:
            for service, settings in pairs:
                findings += asyncio.run(audit_database(service, settings, server))
    if as_json:
        write_json({"findings": findings})
    for finding in [] if as_json else findings:
        write(f"{finding.severity} {finding.code} {finding.service}: {finding.object}: {finding.message}")
        if finding.remedy:
            write(f"    {finding.remedy}")
    say(f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}")
    if any(SEVERITIES.index(finding.severity) >= SEVERITIES.index(fail_on) for finding in findings):
        context.exit(1)
