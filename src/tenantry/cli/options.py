"""The options that commands share, `--service` and `--json`, and the project that they select."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from tenantry.deployment import Deployment
    from tenantry.project import Project
    from tenantry.service import Service

__all__ = ["OutputFile", "common", "find_services", "json_option", "only", "open_one", "open_project"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Write one JSON document to stdout.")

_service_option = click.option(
    "--service", "names", metavar="NAME", multiple=True, help="Use only this service; may be repeated."
)


class OutputFile(click.Path):
    """A file to write. The option fails before the work starts if its folder does not exist or is not writable."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        folder = Path(value).parent
        if not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"the folder '{folder}' does not exist, or this user may not write to it.", param, ctx)
        return super().convert(value, param, ctx)


def common(function: _Function) -> _Function:
    """Add `--service` and `--json`; the command takes them as `names` and `as_json`."""
    return _service_option(json_option(function))


def find_services(names: Sequence[str]) -> tuple[Project, list[Service]]:
    """Return the project of the current folder, and its services or the named services."""
    from tenantry.project import find_project
    from tenantry.service import load_services

    project = find_project()
    return project, load_services(project, names)


@contextmanager
def open_project(names: Sequence[str] = ()) -> Iterator[tuple[Project, list[Deployment]]]:
    """Open the project of the current folder, with deployments of its services or of the named services."""
    from tenantry.deployment import open_deployments
    from tenantry.project import find_project

    project = find_project()
    with open_deployments(project, names) as deployments:
        yield project, deployments


def only(services: Sequence[Service], known: str = "") -> Service:
    """Return the only service.

    Raises:
        UsageError: there are several, and no name was given.
    """
    if len(services) != 1:
        known = ", ".join(service.name for service in services) or known
        raise click.UsageError(f"This command needs one service. Name it with --service: {known}.")
    return services[0]


@contextmanager
def open_one(names: Sequence[str]) -> Iterator[tuple[Project, Deployment]]:
    """Open the project with its only service or with the named service; see `only`."""
    _, services = find_services(names)
    with open_project([only(services).name]) as (project, (deployment,)):
        yield project, deployment
