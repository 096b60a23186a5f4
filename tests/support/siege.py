"""A depot, filled once, and a copy of it for each sabotage: the ground on which single attacks are tried."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import harbour

from tenantry import Address, KeyRing, Service
from tenantry.deployment import Deployment
from tenantry.postgres.connect import connect
from tenantry.proof.isolation.ground import Ground, Target, open_ground
from tenantry.proof.isolation.referee import Referee
from tenantry.proof.isolation.tenants import Trio
from tenantry.secrets import StaticSource
from tenantry.settings import DatabaseSettings

KEYS = KeyRing.generate()


@dataclasses.dataclass(frozen=True)
class Siege:
    """A filled database to copy, and what was put into it."""

    service: Service
    template: str
    trio: Trio
    targets: tuple[Target, ...]


def settings_for(service: Service, superuser: Address, **changes: Any) -> DatabaseSettings:
    """Return settings whose three logins are the service's roles, and the superuser for migrations."""
    given = {
        "database_url": superuser.replace(user=service.roles.application).url,
        "admin_database_url": superuser.replace(user=service.roles.admin).url,
        "migration_database_url": superuser.url,
        "encryption_keys": KEYS.text,
    }
    return service.settings(_env_file=None, **{**given, **changes})  # type: ignore[call-arg]  # pydantic-settings' own


async def lay(service: Service, address: Address) -> Siege:
    """Build and fill a database, and let go of it."""
    await harbour.build(address, service)
    async with open_ground(service, settings_for(service, address)) as ground:
        return Siege(service, address.database, ground.trio, ground.targets)


@asynccontextmanager
async def besiege(siege: Siege, address: Address) -> AsyncIterator[Ground]:
    """Yield the ground on a copy; nothing is asked of the roles first, for they may have been sabotaged."""
    settings = settings_for(siege.service, address)
    application = Deployment(siege.service, settings).endpoint("application")
    admin = Deployment(siege.service, settings).endpoint("admin")
    connection = await connect(admin.source, deadline=10, application_name="test", role=admin.role)
    try:
        yield Ground(
            service=siege.service,
            settings=settings,
            database=Deployment(siege.service, settings).database(),
            application=application,
            admin=admin,
            trio=siege.trio,
            targets=siege.targets,
            referee=await Referee.watch(connection, siege.service, siege.trio.attacker),
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
