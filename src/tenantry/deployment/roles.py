"""Create a service's roles with the passwords from its addresses."""

from __future__ import annotations

from pydantic import SecretStr

from tenantry.deployment.deployment import Deployment
from tenantry.postgres.connection import Connection
from tenantry.postgres.endpoint import Purpose
from tenantry.postgres.roles import ensure_roles

__all__ = ["ensure_service_roles"]

_EXISTING = "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1::text[])"
_WITH_PASSWORD: tuple[Purpose, ...] = ("application", "admin")


async def ensure_service_roles(deployment: Deployment, connection: Connection) -> None:
    """Create the roles that do not exist, with the passwords in the addresses, and correct those that do."""
    roles = deployment.service.roles
    names = {roles.application, roles.admin}
    there = {row["rolname"] for row in await connection.fetch(_EXISTING, list(names))}
    passwords = await _passwords(deployment)
    await ensure_roles(connection, roles, {name: passwords.get(name) for name in names - there})


async def _passwords(deployment: Deployment) -> dict[str, SecretStr | None]:
    """Return the password of each login that the settings name."""
    if deployment.is_embedded:
        return {}
    found = {}
    for purpose in _WITH_PASSWORD:
        address = await deployment.address(purpose)
        found[address.user] = address.password
    return found
