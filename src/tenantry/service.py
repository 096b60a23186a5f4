"""`Service`: the models, settings, migrations and application of one service, and how the command line finds it.

Migrations, commands and tests get a `Service` as an argument. There is no registry, so a user's project works exactly
like the four services of this repository.
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
from tenantry.tenancy.rules import check_declarations
from tenantry.tracebacks import own_place

__all__ = ["Service", "import_attribute", "load_services"]


# The placeholder of a field that is derived from the others.
_DERIVED: Any = None


@dataclasses.dataclass(frozen=True)
class Service:
    """One service on its own database: `Service(name="bookshop", base=Base, settings=Settings)`.

    The other fields are derived from the name and from the module of `base`. With `Base` in `bookshop/models.py`, the
    migrations are in `bookshop/migrations`, and the application is `bookshop.app:app`.

    Attributes:
        name: the package's name, such as `ai_agents`.
        settings: the settings class; its `env_prefix` is the prefix of the variables.
        base: the base class of the models. Every table declares its tenancy.
        metadata: the metadata of the models, by default the base's.
        migrations: the folder that contains `versions/`.
        app: the ASGI application, as `module:attribute`; empty if neither it nor `base` is given.
        roles: by default `bookshop_owner`, `bookshop_app` and `bookshop_admin`.
        database: the name of the database, by default the service's name.
        path: the path under which `tenantry up` serves the application, such as `/ai-agents`.
        title: the display name, such as `Ai Agents`.
        extensions: the PostgreSQL extensions that the service needs.
        objects: the team's own functions, triggers, views, policies, privileges, roles and comments.
        demo: an `async (Database) -> None` that inserts demonstration rows, as `module:attribute`.
        factories: functions `(tenant, number) -> dict` of column values, as `module:attribute`, by table name. They
            make the rows of a table for which `prove isolation` cannot make rows itself.

    Raises:
        ConfigurationError: a field is missing and cannot be derived, because `base` is missing too.
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
    objects: Sequence[DatabaseObject] = ()
    demo: str = ""
    factories: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """Derive the missing fields from the name and the base."""
        object.__setattr__(self, "objects", tuple(self.objects))
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
                why=f"Without `base`, `{field}` cannot be derived.",
                remedy=f"Pass base=Base or {field}=... to Service().",
            )
        return self.base

    def _find_migrations(self) -> Path:
        module = self._base("migrations").__module__
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            raise errors.ConfigurationError(
                f"The service {self.name!r} has no migrations folder.",
                why=f"The module {module!r}, which defines its base, does not come from a file.",
                remedy="Pass migrations=Path(...) to Service().",
            )
        return Path(file).parent / "migrations"

    def _find_app(self) -> str:
        if self.base is None:
            return ""
        package, _, _ = self.base.__module__.rpartition(".")
        return f"{package}.app:app" if package else "app:app"

    @property
    def signed_context(self) -> bool:
        """True if each unit of work signs its tenant."""
        return tenancy_of(self.metadata).signed_context

    @property
    def waivers(self) -> Path:
        """The file with the audit's findings that the team accepts, beside the migrations. It is optional."""
        return self.migrations.parent / "audit.waivers"

    def check_models(self) -> None:
        """Complete the models' tables, and check that each can be isolated. Every command does this before its work.

        Raises:
            DeclarationError: a table breaks a rule.
        """
        check_declarations(self.metadata)
        self.declared_objects()

    def declared_objects(self) -> frozenset[DatabaseObject]:
        """Return all objects that the models and `objects` declare, except tables.

        Raises:
            DeclarationError: a table does not declare its tenancy, or one of `objects` is refused.
        """
        return declared_objects(self.metadata, self.roles, self.extensions, self.objects)


def import_attribute(spec: str) -> Any:
    """Import and return `module:attribute`.

    Raises:
        ConfigurationError: the module or the attribute does not exist, or the module's code fails; with its line.
    """
    module, _, attribute = spec.partition(":")
    try:
        imported = importlib.import_module(module)
    except errors.TenantryError:
        raise
    except Exception as error:
        raise _unimportable(spec, module, error) from error
    try:
        return getattr(imported, attribute)
    except AttributeError as error:
        raise errors.ConfigurationError(
            f"Module {module!r} has no attribute {attribute!r}.",
            remedy=f"Define {attribute!r} in the module, or correct {spec!r}.",
        ) from error


def _unimportable(spec: str, module: str, error: Exception) -> errors.ConfigurationError:
    """Return the error for a module that does not exist, or whose code or imports fail."""
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return errors.ConfigurationError(
            f"The module {module!r} of {spec!r} does not exist.",
            remedy="Check `services` and `source` in [tool.tenantry] of pyproject.toml.",
        )
    place = own_place(error)
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return errors.ConfigurationError(
        f"The module {module!r} cannot be imported: {type(error).__name__}: {text}".rstrip(".: ") + ".",
        why=f"The error is in {place}." if place else "",
        remedy="Correct the code there, or install the missing package."
        if isinstance(error, ImportError)
        else "Correct the code there.",
    )


def load_services(project: Project, names: Sequence[str] = ()) -> list[Service]:
    """Return the project's services, or only those with the given names, in the order of pyproject.toml.

    Raises:
        ConfigurationError: the project has no service, or no service with one of the names.
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
            why=f"pyproject.toml lists {known}."
            if known
            else f"No pyproject.toml in {project.root} or its parents lists services under [tool.tenantry].",
            remedy='List it under [tool.tenantry]: services = ["package.service:service"].',
        )
    return [service for service in services if not names or service.name in names]
