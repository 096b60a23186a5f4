"""`Service`: the one noun that ties a team's parts together, and how the command line finds it.

Everything above this floor is handed a `Service` and asks it for what it needs; nothing is registered anywhere, so
that a user's own project works exactly as the four services here do.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData

from tenantry import errors
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.endpoint import Endpoint, Purpose, resolve_endpoint
from tenantry.postgres.objects import DatabaseObject
from tenantry.postgres.roles import Roles
from tenantry.postgres.server import Server
from tenantry.project import Project, find_project
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.database import Database
from tenantry.tenancy.declarations import tenancy_of
from tenantry.tenancy.objects import declared_objects

__all__ = ["Service", "embedded_server", "import_attribute", "load_services"]


@dataclasses.dataclass(frozen=True)
class Service:
    """One service on its own database.

    Attributes:
        name: as in its package, `ai_agents`; also the database's name unless `database` says otherwise.
        metadata: of its models; every table declares its tenancy.
        settings: its settings class, whose prefix its variables carry.
        migrations: the folder with `env.py` and `versions/`.
        app: where its ASGI application stands, as `module:attribute`.
        path: where the application is served, `/ai-agents`.
        extensions: the PostgreSQL extensions it needs.
        demo: an `async (Database) -> None` that fills in demonstration rows, as `module:attribute`.
        factories: for a table whose rows `prove isolation` cannot guess, a function `(tenant, number) -> dict` of
            column values, as `module:attribute`, by the table's name.
    """

    name: str
    metadata: MetaData
    settings: type[DatabaseSettings]
    migrations: Path
    app: str
    roles: Roles
    database: str = ""
    path: str = ""
    title: str = ""
    extensions: tuple[str, ...] = ()
    demo: str = ""
    factories: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Fill in what follows from the name."""
        object.__setattr__(self, "database", self.database or self.name)
        object.__setattr__(self, "path", self.path or "/" + self.name.replace("_", "-"))
        object.__setattr__(self, "title", self.title or self.name.replace("_", " ").title())

    @property
    def signed_context(self) -> bool:
        """Whether units of work sign their tenant."""
        return tenancy_of(self.metadata).signed_context

    @property
    def waivers(self) -> Path:
        """The list of the audit's findings that the team accepts, beside the migrations; it need not exist."""
        return self.migrations.parent / "audit.waivers"

    def declared_objects(self) -> frozenset[DatabaseObject]:
        """Everything its models declare that is not a table."""
        return declared_objects(self.metadata, self.roles, self.extensions)

    def server(self, settings: DatabaseSettings) -> Server | None:
        """Return the embedded server, where the settings name no database; else None."""
        return None if settings.source("application") else embedded_server()

    def endpoint(self, purpose: Purpose, settings: DatabaseSettings, server: Server | None) -> Endpoint:
        """Return where to log in for `purpose`, and the role to work as."""
        return resolve_endpoint(purpose, settings, self.roles, database=self.database, server=server)

    def open_database(self, settings: DatabaseSettings | None = None, *, server: Server | None = None) -> Database:
        """Return the service's database, ready for `async with`.

        Without `settings` they are read from the environment; without an address in them, and without a `server`, the
        project's embedded server is started.
        """
        settings = settings or self.settings.load()
        return Database(
            settings,
            metadata=self.metadata,
            roles=self.roles,
            name=self.database,
            server=server or self.server(settings),
        )


def embedded_server(project: Project | None = None) -> EmbeddedServer:
    """Return the project's embedded server; it is started by the first lease."""
    project = project or find_project()
    return EmbeddedServer(project.home / "postgres", find_binaries(project.postgres_spec), home=project.home)


def import_attribute(spec: str) -> Any:
    """Return what stands at `module:attribute`.

    Raises:
        ConfigurationError: there is no such module or attribute.
    """
    module, _, attribute = spec.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise errors.ConfigurationError(
            f"There is no module {module!r} for {spec!r}.",
            remedy="Check `services` and `source` in [tool.tenantry] of pyproject.toml.",
        ) from error
    except AttributeError as error:
        raise errors.ConfigurationError(f"Module {module!r} has no {attribute!r}.") from error


def load_services(project: Project, names: Sequence[str] = ()) -> list[Service]:
    """Return the project's services, or those with the given names, in the order of pyproject.toml.

    Raises:
        ConfigurationError: the project has no such service.
    """
    source = str(project.root / project.source)
    if source not in sys.path:
        sys.path.insert(0, source)
    services: list[Service] = [import_attribute(spec) for spec in project.services]
    unknown = sorted(set(names) - {service.name for service in services})
    if unknown or not services:
        known = ", ".join(service.name for service in services)
        raise errors.ConfigurationError(
            f"This project has no service {unknown[0]!r}." if unknown else "This project has no services.",
            why=f"pyproject.toml lists {known}." if known else f"No pyproject.toml from {project.root} up lists any.",
            remedy='List it under [tool.tenantry]: services = ["package.service:service"].',
        )
    return [service for service in services if not names or service.name in names]
