"""`tenantry context`: manages the keys that sign the tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from tenantry import errors
from tenantry.cli.options import common, find_services, only, open_project
from tenantry.cli.output import say, write, write_json, write_table

if TYPE_CHECKING:
    from tenantry.deployment import Deployment
    from tenantry.service import Service

__all__ = ["context"]

_Answer = TypeVar("_Answer")
_Work = Callable[["Deployment"], Awaitable[_Answer]]

COLUMNS = ("service", "id", "is_known", "is_configured", "is_current", "created_at")


@click.group()
def context() -> None:
    """List, add, rotate and remove the keys that sign the tenant."""


@context.command("list")
@common
def list_(names: Sequence[str], as_json: bool) -> None:
    """List the keys in the database and in the settings."""
    from tenantry.commands.context import list_context_keys

    keys = [key for found in _run(names, list_context_keys) for key in found]
    if as_json:
        write_json({"keys": keys})
        return
    write_table(COLUMNS, [[getattr(key, column) for column in COLUMNS] for key in keys])


@context.command()
@common
def push(names: Sequence[str], as_json: bool) -> None:
    """Add the keys of the settings to the database.

    `migrate` and `prepare` do this too.
    """
    from tenantry.commands.context import push_context_keys

    pushed = [
        {"service": service.name, "added": list(added)}
        for service, added in zip(_signing(names), _run(names, push_context_keys), strict=True)
    ]
    if as_json:
        write_json({"services": pushed})
        return
    for item in pushed:
        write(f"{item['service']}: {', '.join(item['added']) or 'no key'} added")


@context.command()
@click.option("--id", "key", metavar="ID", default="", help="Id of the new key. Default: today's date.")
@common
def rotate(key: str, names: Sequence[str], as_json: bool) -> None:
    """Generate a key, add it to the database, and print the new value of the variable.

    The output on stdout is a secret. The key signs nothing until processes start with the new value.
    """
    from tenantry.commands.context import rotate_context

    _only(names)
    (rotation,) = _run(names, lambda deployment: rotate_context(deployment, key))
    value = rotation.value.get_secret_value()
    if as_json:
        write_json({"service": rotation.service, "key": rotation.key, "variable": rotation.variable, "value": value})
        return
    say(f"{rotation.service}: key {rotation.key} added to the database. Set {rotation.variable} in every process to:")
    say("Then remove the old key with: tenantry context retire ID")
    write(value)


@context.command()
@click.argument("key", metavar="ID")
@common
def retire(key: str, names: Sequence[str], as_json: bool) -> None:
    """Remove the key ID from the database. No process may sign with it any more."""
    from tenantry.commands.context import retire_context_key

    service = _only(names)
    _run(names, lambda deployment: retire_context_key(deployment, key))
    if as_json:
        write_json({"service": service.name, "retired": key})
        return
    write(f"{service.name}: {key} retired")


def _signing(names: Sequence[str]) -> list[Service]:
    """Return the services that sign, or the named services."""
    _, services = find_services(names)
    found = [service for service in services if names or service.signed_context]
    if not found:
        raise errors.ConfigurationError(
            "No service of this project signs its tenants.",
            remedy="Set Tenancy(signed_context=True) on the base class of a service's models, and migrate.",
        )
    return found


def _only(names: Sequence[str]) -> Service:
    """Return the only service that signs, or the named service."""
    return only(_signing(names))


def _run(names: Sequence[str], work: _Work[_Answer]) -> list[_Answer]:
    import asyncio

    with open_project([service.name for service in _signing(names)]) as (_, deployments):
        return [asyncio.run(_awaited(work(deployment))) for deployment in deployments]


async def _awaited(answer: Awaitable[_Answer]) -> _Answer:
    return await answer
