"""`Deployment`: a service with its settings and its server.

A `Service` contains the declarations; a `Deployment` says where the service runs. Only this class turns settings into a
login. So every command, migration, proof and test connects in the same way, in the same role, with the same time
limits.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

from sqlalchemy.ext.asyncio import AsyncEngine

from tenantry.address import Address
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.endpoint import Endpoint, Purpose, resolve_endpoint
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.server import Lease, Server
from tenantry.project import Project, find_project
from tenantry.service import Service
from tenantry.settings import DatabaseSettings
from tenantry.tenancy.database import Database

__all__ = ["Deployment", "embedded_server"]

LONGEST_NAME = 63


def embedded_server(project: Project | None = None) -> EmbeddedServer:
    """Return the embedded server of a project, by default of the current folder's. The first lease starts it."""
    project = project or find_project()
    return EmbeddedServer(project.home / "postgres", find_binaries(project.postgres_spec), home=project.home)


@dataclasses.dataclass(frozen=True, slots=True)
class Deployment:
    """A service with its settings and its server.

        async with Deployment.load(service).database() as database:
            async with database.tenant("acme") as session:
                ...

    Attributes:
        service: the declarations.
        settings: the database's address, the pool, the keys.
        server: the embedded server if the settings name no database; by default the server of the project in the
            current folder. None if the settings name a database.

    Raises:
        DeclarationError: a model's table cannot be isolated.
    """

    service: Service
    settings: DatabaseSettings
    server: Server | None = None

    def __post_init__(self) -> None:
        """Check the models, and keep the server only if the settings name no database."""
        self.service.check_models()
        server = (self.server or embedded_server()) if self.settings.source("application") is None else None
        object.__setattr__(self, "server", server)

    @classmethod
    def load(cls, service: Service) -> Self:
        """Return the deployment that the environment describes.

        Raises:
            ConfigurationError: a variable is missing or wrong.
        """
        return cls(service, service.settings.load())

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def is_embedded(self) -> bool:
        """True if the database is on the embedded server."""
        return self.server is not None

    def with_settings(self, **changes: Any) -> Deployment:
        """Return the same service and server with some fields of the settings changed."""
        return Deployment(self.service, self.settings.model_copy(update=changes), self.server)

    def endpoint(self, purpose: Purpose = "application") -> Endpoint:
        """Return the login for a purpose, and the role of its sessions."""
        service = self.service
        return resolve_endpoint(purpose, self.settings, service.roles, database=service.database, server=self.server)

    async def address(self, purpose: Purpose = "application") -> Address:
        """Return the address of the login for a purpose.

        Raises:
            SecretUnavailable: the store of secrets does not answer.
        """
        return await self.endpoint(purpose).source.current()

    @asynccontextmanager
    async def connect(
        self,
        purpose: Purpose,
        task: str,
        *,
        database: str | None = None,
        in_role: bool = True,
        deadline: float | None = None,
        server_settings: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Connection]:
        """Open one connection outside of any pool.

        Args:
            purpose: whose login it is.
            task: what it does; with the service's name it becomes `application_name`.
            database: another database of the same server.
            in_role: take the purpose's role. Before roles exist, only the login itself can work.
            deadline: seconds for all attempts; one attempt only. By default the settings decide, and a server that is
                not up yet is waited for as long as `database_wait` says.
            server_settings: further settings of the session.

        Raises:
            DatabaseUnavailable: with the address, the reason and the remedy.
        """
        endpoint = self.endpoint(purpose)
        if database is not None:
            endpoint = await endpoint.at(database)
        wait = self.settings.database_wait
        connection = await connect(
            endpoint.source,
            deadline=max(self.settings.database_connect_timeout, wait) if deadline is None else deadline,
            patience=wait if deadline is None else 0,
            application_name=self._name(task),
            role=endpoint.role if in_role else None,
            server_settings=server_settings,
        )
        try:
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def engine(
        self, purpose: Purpose, task: str, options: PoolOptions, *, in_role: bool = True
    ) -> AsyncIterator[AsyncEngine]:
        """Open a SQLAlchemy engine for a purpose; see `connect`. Units of work come from `database()`."""
        endpoint = self.endpoint(purpose)
        role = endpoint.role if in_role else None
        engine = create_engine(endpoint.source, options, role=role, application_name=self._name(task))
        try:
            yield engine
        finally:
            await engine.dispose()

    def database(self) -> Database:
        """Return the service's database, ready for `async with`; the embedded server runs while it is open."""
        return Database(
            self.settings,
            metadata=self.service.metadata,
            roles=self.service.roles,
            name=self.service.database,
            server=self.server,
        )

    def lease(self) -> contextlib.AbstractContextManager[Any]:
        """Start the embedded server, where the service uses it, and keep it up until the lease is closed."""
        return contextlib.nullcontext() if self.server is None else self.server.lease()

    @asynccontextmanager
    async def leased(self) -> AsyncIterator[None]:
        """Hold a lease without blocking the event loop."""
        lease: Lease | None = await asyncio.to_thread(self.server.lease) if self.server is not None else None
        try:
            yield
        finally:
            if lease is not None:
                await asyncio.to_thread(lease.close)

    def _name(self, task: str) -> str:
        return f"tenantry {task} of {self.service.name}"[:LONGEST_NAME]
