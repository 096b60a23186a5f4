"""Runs the audit on a service's own database, or on a database that a URL names.

The service's waivers are applied here, so that `audit`, `prepare` and `up` report the same findings.
"""

from __future__ import annotations

import dataclasses

from tenantry.address import Address
from tenantry.deployment import Deployment
from tenantry.postgres.endpoint import Endpoint
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.proof.audit import Finding, audit
from tenantry.proof.audit.waiver import Waived
from tenantry.proof.audit.waivers import apply_waivers, read_waivers
from tenantry.secrets import StaticSource
from tenantry.service import Service

__all__ = ["Inspection", "audit_database", "inspect_address", "inspect_database"]

CONNECTIONS = PoolOptions(size=1, overflow=0)


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """The findings of one audit, and those that the service's waivers accept."""

    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...]


async def audit_database(deployment: Deployment) -> list[Finding]:
    """Audit the service's own database; return the findings that are not waived."""
    return list((await inspect_database(deployment)).findings)


async def inspect_database(deployment: Deployment) -> Inspection:
    """Audit the service's own database in the role of its owner."""
    login = (await deployment.address()).user
    return await _inspect(deployment.service, deployment.endpoint("migration"), login)


async def inspect_address(service: Service, url: str) -> Inspection:
    """Audit the database at `url` in the role of its login."""
    address = Address.parse(url, variable="--database-url")
    return await _inspect(service, Endpoint(StaticSource(address), address.user))


async def _inspect(service: Service, endpoint: Endpoint, login: str = "") -> Inspection:
    engine = create_engine(endpoint.source, CONNECTIONS, role=endpoint.role, application_name="tenantry audit")
    try:
        async with engine.connect() as connection:
            found = await audit(connection, service, login=login)
    finally:
        await engine.dispose()
    findings, waived = apply_waivers(found, read_waivers(service.waivers), service.name, service.waivers.name)
    return Inspection(tuple(findings), tuple(waived))
