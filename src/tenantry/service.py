"""`Service`: the one noun that ties a team's parts together, and how the command line finds it.

Everything above this floor is handed a `Service` and asks it for what it needs; nothing is registered anywhere, so
that a user's own project works exactly as the four services here do.
"""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData

from tenantry import errors
from tenantry.postgres.objects import DatabaseObject
from tenantry.postgres.roles import Roles
from tenantry.project import Project
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.declarations import tenancy_of
from tenantry.tenancy.objects import declared_objects

__all__ = ["Service", "import_attribute", "load_services"]


# The value of a field that follows from the others.
_DERIVED: Any = None


@dataclasses.dataclass(frozen=True)
class Service:
    """One service on its own database: `Service(name="bookshop", base=Base, settings=Settings)`.

    What is not given follows from the name and from where `base` is defined. With `Base` in `bookshop/models.py`, the
    migrations are in `bookshop/migrations`, and the application is `bookshop.app:app`.

    Attributes:
        name: as in its package, `ai_agents`.
        settings: its settings class, whose prefix its variables carry.
        base: the base class of its models; every table declares its tenancy.
        metadata: of its models, by default the base's.
        migrations: the folder with `versions/`.
        app: its ASGI application, as `module:attribute`; empty where neither it nor `base` is given.
        roles: by default `bookshop_owner`, `bookshop_app` and `bookshop_admin`.
        database: the database's name, by default the service's.
        path: where the application is served, `/ai-agents`.
        title: the name that people read, `Ai Agents`.
        extensions: the PostgreSQL extensions it needs.
        demo: an `async (Database) -> None` that inserts demonstration rows, as `module:attribute`.
        factories: for a table whose rows `prove isolation` cannot guess, a function `(tenant, number) -> dict` of
            column values, as `module:attribute`, by the table's name.

    Raises:
        ConfigurationError: neither `base` nor the field itself says what a field is.
    """

    name: str
    settings: type[DatabaseSettings]
    base: type[Any] | None = None
    metadata: MetaData = _DERIVED
    migrations: Path = _DERIVED
    app: str = _DERIVED
    roles: Roles = _DERIVED
    database: str = ""
    path: str = ""
    title: str = ""
    extensions: tuple[str, ...] = ()
    demo: str = ""
    factories: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Fill in what follows from the name and the base."""
        self._derive("metadata", lambda: self._base("metadata").metadata)
        self._derive("migrations", self._find_migrations)
        self._derive("app", self._find_app)
        name = self.name
        self._derive("roles", lambda: Roles(owner=f"{name}_owner", application=f"{name}_app", admin=f"{name}_admin"))
        self._derive("database", lambda: name)
        self._derive("path", lambda: "/" + name.replace("_", "-"))
        self._derive("title", lambda: name.replace("_", " ").title())

    def _derive(self, field: str, value: Callable[[], Any]) -> None:
        if getattr(self, field) in (None, ""):
            object.__setattr__(self, field, value())

    def _base(self, field: str) -> Any:
        if self.base is None:
            raise errors.ConfigurationError(
                f"The service {self.name!r} has no {field}.",
                why=f"Without `base`, `{field}` does not follow from anything.",
                remedy=f"Give Service(..., base=Base), or {field}=....",
            )
        return self.base

    def _find_migrations(self) -> Path:
        module = self._base("migrations").__module__
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            raise errors.ConfigurationError(
                f"The service {self.name!r} has no migrations folder.",
                why=f"The module {module!r}, which defines its base, is not in a file.",
                remedy="Give Service(..., migrations=Path(...)).",
            )
        return Path(file).parent / "migrations"

    def _find_app(self) -> str:
        if self.base is None:
            return ""
        package, _, _ = self.base.__module__.rpartition(".")
        return f"{package}.app:app" if package else "app:app"

    @property
    def signed_context(self) -> bool:
        """Whether units of work sign their tenant."""
        return tenancy_of(self.metadata).signed_context

    @property
    def waivers(self) -> Path:
        """The list of the audit's findings that the team accepts, beside the migrations; it need not exist."""
        return self.migrations.parent / "audit.waivers"

    def declared_objects(self) -> frozenset[DatabaseObject]:
        """Return everything its models declare that is not a table."""
        return declared_objects(self.metadata, self.roles, self.extensions)


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
