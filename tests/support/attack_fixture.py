"""A filled database of the schema to attack, and a copy of it for each sabotage."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import full_schema
from proof_deployment import deployment_at

from tenantry import Address, Service
from tenantry.postgres.connect import connect
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable, open_attacked
from tenantry.proof.isolation.integrity import IntegrityCheck
from tenantry.proof.isolation.tenants import TenantNames
from tenantry.secrets import StaticSource


@dataclasses.dataclass(frozen=True)
class FilledTemplate:
    """A filled database to copy, with its tenants and their rows."""

    service: Service
    template: str
    tenants: TenantNames
    tables: tuple[AttackedTable, ...]


async def fill_template(service: Service, address: Address) -> FilledTemplate:
    """Build and fill a database, and close all connections to it."""
    await full_schema.build(address, service)
    async with open_attacked(deployment_at(service, address)) as attacked:
        return FilledTemplate(service, address.database, attacked.tenants, attacked.tables)


@asynccontextmanager
async def open_copy(template: FilledTemplate, address: Address) -> AsyncIterator[AttackedDatabase]:
    """Yield a copy ready to be attacked. The roles are not checked first, because a test may have sabotaged them."""
    deployment = deployment_at(template.service, address)
    application, admin = deployment.endpoint("application"), deployment.endpoint("admin")
    connection = await connect(admin.source, deadline=10, application_name="test", role=admin.role)
    try:
        yield AttackedDatabase(
            deployment=deployment,
            database=deployment.database(),
            application=application,
            admin=admin,
            tenants=template.tenants,
            tables=template.tables,
            integrity=await IntegrityCheck.begin(connection, template.service, template.tenants.attacker),
        )
    finally:
        await connection.close()


async def execute(address: Address, *statements: str) -> None:
    """Send statements as the superuser."""
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
