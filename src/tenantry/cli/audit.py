"""`tenantry audit`: compares a database with the models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import OutputFile, common, find_services, open_project
from tenantry.cli.output import say, write, write_json

if TYPE_CHECKING:
    from tenantry.project import Project
    from tenantry.proof.audit import Finding
    from tenantry.proof.audit.waiver import Waived
    from tenantry.service import Service

__all__ = ["audit"]

SEVERITIES = ("info", "warning", "error")


@click.command()
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="Exit with 1 for findings of this severity or a higher severity.",
)
@click.option("--database-url", metavar="URL", help="Audit this database instead of the service's database.")
@click.option(
    "--sarif",
    type=OutputFile(),
    help="Write the findings to this file as SARIF 2.1.0, for code scanning or an editor.",
)
@common
@click.pass_context
def audit(
    context: click.Context,
    fail_on: str,
    database_url: str | None,
    sarif: Path | None,
    names: Sequence[str],
    as_json: bool,
) -> None:
    """Compare a database with the models, and list what weakens isolation.

    The command reads the catalog in one read-only transaction, and is safe in production.
    """
    import asyncio

    from tenantry.proof.audit.inspection import inspect_address, inspect_database

    project, services = find_services(names)
    inspections = []
    if database_url is not None:
        if len(services) > 1:
            raise click.UsageError("--database-url names the database of one service; name the service with --service.")
        inspections.append(asyncio.run(inspect_address(services[0], database_url)))
    else:
        with open_project(names) as (_, deployments):
            inspections = [asyncio.run(inspect_database(deployment)) for deployment in deployments]
    findings = [finding for one in inspections for finding in one.findings]
    waived = [finding for one in inspections for finding in one.waived]
    if as_json:
        write_json({"findings": findings, "waived": waived})
    else:
        _tell(findings, waived)
    if sarif is not None:
        _write_sarif(sarif, project, services, findings, waived)
    counts = f"{len(findings) or 'no'} finding{'' if len(findings) == 1 else 's'}"
    say(counts + (f", {len(waived)} waived" if waived else ""))
    if any(SEVERITIES.index(finding.severity) >= SEVERITIES.index(fail_on) for finding in findings):
        context.exit(1)


def _tell(findings: Sequence[Finding], waived: Sequence[Waived]) -> None:
    for finding in findings:
        write(f"{finding.severity} {finding.code} {finding.service}: {finding.object}: {finding.message}")
        if finding.remedy:
            write(f"    {finding.remedy}")
    for one in waived:
        write(f"waived {one.code} {one.service}: {one.object}: {one.reason}")


def _write_sarif(
    path: Path, project: Project, services: Sequence[Service], findings: Sequence[Finding], waived: Sequence[Waived]
) -> None:
    import json

    from tenantry.proof.audit.sarif import make_sarif

    # A service may come from an installed package outside the project.
    places = {one.name: Path(os.path.relpath(one.migrations, project.root)).as_posix() for one in services}
    document = make_sarif(findings, waived, places)
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
