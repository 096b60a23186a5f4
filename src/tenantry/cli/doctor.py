"""`tenantry doctor`: checks a project and prints a remedy for each problem."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tenantry.cli.options import common
from tenantry.cli.output import write_json, write_table

if TYPE_CHECKING:
    from tenantry.commands.doctor.verdict import Verdict
    from tenantry.project import Project

__all__ = ["doctor"]


@click.command()
@common
@click.pass_context
def doctor(context: click.Context, names: Sequence[str], as_json: bool) -> None:
    """Check the programs, settings, address, roles and schema, and say how to fix each problem.

    The command starts and changes nothing, and shows no secret. It exits with 1 if a check fails.
    """
    import asyncio

    from tenantry.project import find_project

    verdicts = asyncio.run(_collect(find_project(), names))
    if as_json:
        write_json({"checks": verdicts})
    else:
        rows = [(one.status, one.service, one.name, one.message, one.remedy) for one in verdicts]
        write_table(("", "service", "check", "found", "what to do"), rows)
    if any(one.status == "fail" for one in verdicts):
        context.exit(1)


async def _collect(project: Project, names: Sequence[str]) -> list[Verdict]:
    from tenantry.commands.doctor.project import check_up

    return [verdict async for verdict in check_up(project, names)]
