"""A project made of the source of its models, on a database of its own."""

from __future__ import annotations

import itertools
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic_settings import SettingsConfigDict

from tenantry import Address, DatabaseSettings, KeyRing, Roles, Service
from tenantry.deployment import Deployment
from tenantry.tenancy.rules import check_declarations
from tenantry.testing.scratch import ScratchDatabase

__all__ = ["PREFIX", "ROLES", "Project", "Settings", "load_models"]

# Roles belong to the cluster, and the workers of one run share it. All projects of a process have the same ones.
PREFIX = f"space_{os.getpid()}"
ROLES = Roles(f"{PREFIX}_owner", f"{PREFIX}_app", f"{PREFIX}_admin")

_numbers = itertools.count()


class Settings(DatabaseSettings):
    """The settings of every generated project."""

    model_config = SettingsConfigDict(env_prefix="SCHEMA_SPACE_")


@contextmanager
def load_models(source: str) -> Iterator[types.ModuleType]:
    """Execute the source of models as a module that can be imported, and check its declarations.

    Raises:
        DeclarationError: a model breaks a rule.
    """
    module = types.ModuleType(f"space_models_{next(_numbers)}")
    sys.modules[module.__name__] = module
    try:
        exec(compile(source, f"<{module.__name__}>", "exec"), vars(module))  # noqa: S102  # The source is ours.
        module.Base.registry.configure()
        check_declarations(module.Base.metadata)
        yield module
    finally:
        # Otherwise the mappers of all schemas stay in memory.
        if hasattr(module, "Base"):
            module.Base.registry.dispose()
        del sys.modules[module.__name__]


@dataclass(frozen=True)
class Project:
    """Models, a folder of migrations and a database."""

    service: Service
    scratch: ScratchDatabase
    models: types.ModuleType

    @classmethod
    def create(cls, models: types.ModuleType, folder: Path, address: Address) -> Project:
        """Return the project of `models`, whose migrations are in `folder`."""
        (folder / "versions").mkdir(parents=True, exist_ok=True)
        service = Service(
            name="schema_space",
            base=models.Base,
            settings=Settings,
            migrations=folder,
            app="schema_space:app",
            roles=ROLES,
            extensions=getattr(models, "EXTENSIONS", ()),
        )
        urls = {
            "migration": address,
            "application": address.replace(user=ROLES.application),
            "admin": address.replace(user=ROLES.admin),
        }
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]  # pydantic-settings hides its own arguments.
            environment="test",
            database_url=urls["application"].url,
            migration_database_url=urls["migration"].url,
            admin_database_url=urls["admin"].url,
            context_keys=KeyRing.generate("k1").text,
        )
        deployment = Deployment(service, settings)
        return cls(service, ScratchDatabase(deployment, address, urls), models)  # type: ignore[arg-type]

    @property
    def deployment(self) -> Deployment:
        """The service on its database."""
        return self.scratch.deployment

    def changed(self, models: types.ModuleType) -> Project:
        """Return the project after its models changed."""
        service = replace(self.service, base=models.Base, metadata=models.Base.metadata)
        deployment = Deployment(service, self.deployment.settings)
        return replace(self, service=service, scratch=replace(self.scratch, deployment=deployment), models=models)
