"""Makes and drops the databases of one service on the run's server.

A test's database is a copy of the service's template. A copy takes a hundredth of the time that migrating takes. The
first process that needs the template makes it, once in a run, as a deploy makes a database: roles first, then the
service's own migrations.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tenantry.address import Address
from tenantry.deployment import Deployment
from tenantry.migrations import migrate
from tenantry.postgres.connect import connect
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.roles import ensure_roles
from tenantry.secrets import StaticSource
from tenantry.service import Service
from tenantry.sql import identifier
from tenantry.testing.administrator import NAME, PATIENCE, Administrator
from tenantry.testing.logins import ensure_logins, name_logins
from tenantry.testing.names import LOGINS, TEMPLATES, digest, name_database, name_template
from tenantry.testing.pytest_run import Run
from tenantry.testing.scratch import ScratchDatabase
from tenantry.testing.service_settings import make_settings

__all__ = ["Cluster"]

EXISTS = "SELECT FROM pg_database WHERE datname = $1"


class Cluster:
    """The server of the run, in one of its processes."""

    def __init__(self, administrator: Administrator, run: Run, *, is_ours: bool) -> None:
        self._administrator = administrator
        self._run = run
        self._is_ours = is_ours
        self._templates: dict[str, str] = {}

    def template(self, service: Service, overrides: Mapping[str, Any]) -> str:
        """Return the name of the service's migrated database, which accepts no connections.

        It is migrated with the settings of the first test in the run that needs it.
        """
        if service.name not in self._templates:
            name = name_template(self._run.number, service.name)
            with self._administrator.alone(TEMPLATES, int(digest(name)[:7], 16)):
                if not self._administrator.fetch(EXISTS, name):
                    self._make_template(service, overrides, name)
            self._templates[service.name] = name
        return self._templates[service.name]

    @contextmanager
    def scratch(self, service: Service, overrides: Mapping[str, Any], template: str = "") -> Iterator[ScratchDatabase]:
        """Create a database for the service, a copy of its template or an empty one. The roles exist."""
        with self.database(template) as address:
            if not template:
                self._ensure_roles(service, address)
            if self._is_ours:
                # On another server the login may be no superuser, and could not drop a database of the owner.
                owner = identifier(service.roles.owner)
                self._administrator.execute(f"ALTER DATABASE {identifier(address.database)} OWNER TO {owner}")
            if template:
                # CREATE DATABASE copies objects, and not the privileges on the database itself.
                self._administrator.execute(f"REVOKE TEMPORARY ON DATABASE {identifier(address.database)} FROM PUBLIC")
            yield self._describe(service, overrides, address)

    @contextmanager
    def database(self, template: str = "") -> Iterator[Address]:
        """Create a copy of a database, by default of the server's own template, and drop it at the end."""
        name = name_database(self._run.number)
        self._create(name, template)
        try:
            yield self._administrator.address.replace(database=name)
        finally:
            # FORCE, because a test may have left a connection open.
            self._administrator.execute(f"DROP DATABASE {identifier(name)} WITH (FORCE)")

    def _make_template(self, service: Service, overrides: Mapping[str, Any], name: str) -> None:
        draft = f"{name}_draft"
        address = self._administrator.address.replace(database=draft)
        # A worker that crashed at this point left it.
        self._administrator.execute(f"DROP DATABASE IF EXISTS {identifier(draft)} WITH (FORCE)")
        self._create(draft)
        self._ensure_roles(service, address)
        self._administrator.run(migrate(self._describe(service, overrides, address).deployment))
        # A session in the template, even the autovacuum's, would make the next copy wait.
        self._administrator.execute(f"ALTER DATABASE {identifier(draft)} ALLOW_CONNECTIONS false")
        # Other workers find the template by this name, so it gets the name when it is complete.
        self._administrator.execute_alone(f"ALTER DATABASE {identifier(draft)} RENAME TO {identifier(name)}")

    def _ensure_roles(self, service: Service, address: Address) -> None:
        self._administrator.run(_ensure_roles(service, address))
        if not self._is_ours:
            with self._administrator.alone(LOGINS, self._run.number):
                ensure_logins(self._administrator, service.roles, self._run)

    def _describe(self, service: Service, overrides: Mapping[str, Any], address: Address) -> ScratchDatabase:
        addresses: dict[Purpose, Address] = {"migration": address}
        for purpose, (user, password) in name_logins(service.roles, self._run, is_ours=self._is_ours).items():
            addresses[purpose] = address.replace(user=user, password=password)
        settings = make_settings(service, addresses, overrides, secret=self._run.secret)
        return ScratchDatabase(Deployment(service, settings), address, addresses)

    def _create(self, name: str, template: str = "") -> None:
        source = f"TEMPLATE {identifier(template)} " if template else ""
        self._administrator.execute_alone(f"CREATE DATABASE {identifier(name)} {source}{self._administrator.strategy}")


async def _ensure_roles(service: Service, address: Address) -> None:
    connection = await connect(StaticSource(address), deadline=PATIENCE, application_name=NAME)
    try:
        await ensure_roles(connection, service.roles)
    finally:
        await connection.close()
