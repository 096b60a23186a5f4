"""`tenantry tenant`: creates, lists and shows tenants in the admin role."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from tenantry.cli.options import common, find_services, only, open_project
from tenantry.cli.output import plain, write, write_json, write_table

if TYPE_CHECKING:
    from tenantry.commands.tenant import TenantRecord
    from tenantry.deployment import Deployment
    from tenantry.service import Service
    from tenantry.tenancy.database import Database

__all__ = ["tenant"]

_Answer = TypeVar("_Answer")


@click.group()
def tenant() -> None:
    """Create, list and show tenants, in the admin role."""


@tenant.command()
@click.argument("name")
@click.option(
    "--set",
    "assignments",
    metavar="COLUMN=VALUE",
    multiple=True,
    help="Set a column of the tenant's row. The value @FILE reads a file, and @- reads stdin.",
)
@common
def create(name: str, assignments: Sequence[str], names: Sequence[str], as_json: bool) -> None:
    """Create the tenant NAME."""
    from tenantry.commands.tenant import create_tenant

    values = dict(map(_assignment, assignments))
    service = _only(names)
    _show(_run(service, lambda database: create_tenant(service, database, name, values)), as_json=as_json)


@tenant.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Maximum number.")
@common
def list_(limit: int, names: Sequence[str], as_json: bool) -> None:
    """List the tenants, without encrypted columns."""
    from tenantry.commands.tenant import list_tenants

    found: list[TenantRecord] = []
    for service in _services(names):
        # `partial` binds the service of this iteration.
        found += _run(service, partial(list_tenants, service, limit=limit))
    if as_json:
        write_json({"tenants": found})
        return
    for details, records in groupby(found, key=lambda one: list(one.details)):
        columns = ["service", *details]
        write_table(columns, [[one.service, *map(_cell, one.details.values())] for one in records])


@tenant.command()
@click.argument("name")
@common
def show(name: str, names: Sequence[str], as_json: bool) -> None:
    """Show the tenant NAME and the number of its rows in each table."""
    from tenantry.commands.tenant import show_tenant

    service = _only(names)
    _show(_run(service, lambda database: show_tenant(service, database, name)), as_json=as_json)


def _services(names: Sequence[str]) -> list[Service]:
    """Return the services that have tenants, or the named services."""
    from tenantry.commands.tenant import has_tenants

    _, services = find_services(names)
    return [service for service in services if names or has_tenants(service)]


def _only(names: Sequence[str]) -> Service:
    """Return the only service that has tenants, or the named service."""
    return only(_services(names), "this project has no service with tenants")


def _run(service: Service, work: Callable[[Database], Awaitable[_Answer]]) -> _Answer:
    import asyncio
    import logging

    # An admin session logs a warning. Here the user typed the command, so the warning is dropped.
    logging.getLogger("tenantry").addHandler(logging.NullHandler())

    async def run(deployment: Deployment) -> _Answer:
        async with deployment.database() as database:
            return await work(database)

    with open_project([service.name]) as (_, (deployment,)):
        return asyncio.run(run(deployment))


def _show(record: TenantRecord, *, as_json: bool) -> None:
    if as_json:
        write_json(record)
        return
    for name, value in record.details.items():
        write(f"{name}: {_cell(value)}")
    for table, count in (record.rows or {}).items():
        write(f"{table}: {count} row{'' if count == 1 else 's'}")


def _cell(value: object) -> str:
    value = plain(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _assignment(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if not equals or not column:
        raise click.BadParameter(f"{text!r} does not have the form column=value.", param_hint="--set")
    if value == "@-":
        value = sys.stdin.read().rstrip("\n")
    elif value.startswith("@"):
        try:
            value = Path(value[1:]).read_text(encoding="utf-8").rstrip("\n")
        except OSError as error:
            raise click.BadParameter(f"{value[1:]} cannot be read: {error.strerror}.", param_hint="--set") from error
    return column, value
