"""Running the audit against a service's database, or against any database that a URL names."""

from __future__ import annotations

from tenantry.address import Address
from tenantry.postgres.endpoint import Endpoint
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.server import Server
from tenantry.proof.audit import Finding, audit
from tenantry.secrets import StaticSource
from tenantry.service import Service
from tenantry.settings import DatabaseSettings

__all__ = ["audit_address", "audit_database"]

CONNECTIONS = PoolOptions(size=1, overflow=0, connect_timeout=10.0)


async def audit_database(service: Service, settings: DatabaseSettings, server: Server | None) -> list[Finding]:
    """Audit the service's own database in the role of its owner."""
    return await _audit(service, service.endpoint("migration", settings, server))


async def audit_address(service: Service, url: str) -> list[Finding]:
    """Audit the database at `url` in the role of its login."""
    address = Address.parse(url, variable="--database-url")
    return await _audit(service, Endpoint(StaticSource(address), address.user))


async def _audit(service: Service, endpoint: Endpoint) -> list[Finding]:
    engine = create_engine(endpoint.source, CONNECTIONS, role=endpoint.role, application_name="tenantry audit")
    try:
        async with engine.connect() as connection:
            return await audit(connection, service)
    finally:
        await engine.dispose()
