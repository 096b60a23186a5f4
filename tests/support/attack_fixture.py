"""A filled database of the schema to attack, and a copy of it for each sabotage."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import full_schema

from tenantry import Address, KeyRing, Service
from tenantry.postgres.connect import connect
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable, open_attacked
from tenantry.proof.isolation.integrity import IntegrityCheck
from tenantry.proof.isolation.tenants import TenantNames
from tenantry.secrets import StaticSource
from tenantry.settings import DatabaseSettings

KEYS = KeyRing.generate()


@dataclasses.dataclass(frozen=True)
class FilledTemplate:
    """A filled database to copy, with its tenants and their rows."""

    service: Service
    template: str
    tenants: TenantNames
    tables: tuple[AttackedTable, ...]


def settings_for(service: Service, superuser: Address, **changes: Any) -> DatabaseSettings:
    """Return settings whose three logins are the service's roles, and the superuser for migrations."""
    given = {
        "database_url": superuser.replace(user=service.roles.application).url,
        "admin_database_url": superuser.replace(user=service.roles.admin).url,
        "migration_database_url": superuser.url,
        "encryption_keys": KEYS.text,
    }
    return service.settings(_env_file=None, **{**given, **changes})  # type: ignore[call-arg]  # pydantic-settings' own


async def fill_template(service: Service, address: Address) -> FilledTemplate:
    """Build and fill a database, and close all connections to it."""
    await full_schema.build(address, service)
    async with open_attacked(service, settings_for(service, address)) as attacked:
        return FilledTemplate(service, address.database, attacked.tenants, attacked.tables)


@asynccontextmanager
async def open_copy(template: FilledTemplate, address: Address) -> AsyncIterator[AttackedDatabase]:
    """Yield a copy ready to be attacked. The roles are not checked first, because a test may have sabotaged them."""
    settings = settings_for(template.service, address)
    application = template.service.endpoint("application", settings, None)
    admin = template.service.endpoint("admin", settings, None)
    connection = await connect(admin.source, deadline=10, application_name="test", role=admin.role)
    try:
        yield AttackedDatabase(
            service=template.service,
            settings=settings,
            database=template.service.open_database(settings),
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
