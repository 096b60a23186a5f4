"""The login and the role for each purpose: application, migration, admin.

A service may have one, two or three addresses. A purpose without its own address uses the application's login and SET
ROLE, if that login may. `doctor` warns about that, because injected SQL could switch to that role too. On the embedded
server, every role logs in as itself.
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
    """A login and the role of its sessions."""

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
            raise LookupError("The settings name no database, and no server was passed.")
        # Migrations create roles and extensions. So on the embedded server they log in as its superuser, and use SET
        # ROLE to become the owner.
        login = "postgres" if purpose == "migration" else role
        source = StaticSource(server.address(database, login))
    return Endpoint(source, role)
