"""Where to log in for each purpose, and which role to work as.

A service may be given one address, two or three (application, migration, admin). What is not given of its own is
reached through the application's login by SET ROLE, where that login may; `doctor` calls that weaker, because whoever
injects SQL into such a session may switch back. The embedded server lets every role log in as itself.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from tenantry.postgres.roles import Roles
from tenantry.postgres.server import Server
from tenantry.secrets import AddressSource, StaticSource
from tenantry.settings import DatabaseSettings

__all__ = ["Endpoint", "Purpose", "resolve_endpoint"]

Purpose = Literal["application", "migration", "admin"]


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """A login and the role that its sessions take on."""

    source: AddressSource
    role: str

    async def at(self, database: str) -> Endpoint:
        """Return the endpoint in another database of the same server."""
        return Endpoint(StaticSource((await self.source.current()).replace(database=database)), self.role)


def resolve_endpoint(
    purpose: Purpose, settings: DatabaseSettings, roles: Roles, *, database: str, server: Server | None
) -> Endpoint:
    """Return the endpoint for `purpose`; `server` is asked where the settings name no database."""
    role = {"application": roles.application, "migration": roles.owner, "admin": roles.admin}[purpose]
    source = settings.source(purpose)
    if source is None:
        if server is None:
            raise LookupError("Neither the settings nor a server say where the database is.")
        # Migrations create roles and extensions, so on our own server they log in as its superuser and become the
        # owner.
        login = "postgres" if purpose == "migration" else role
        source = StaticSource(server.address(database, login))
    return Endpoint(source, role)
