from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import full_schema
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Address, Service
from tenantry.postgres.connect import connect
from tenantry.postgres.server import Server
from tenantry.secrets import StaticSource

if TYPE_CHECKING:
    from tests.conftest import Administrator


@pytest.fixture(scope="module")
def full_schema_address(server: Server, administrator: Administrator) -> Iterator[Address]:
    """An empty database for all tests of a module: each changes it in a transaction that it rolls back."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0 {administrator.strategy}")
    yield server.address(name)
    administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def full_schema_extension(server: Server) -> str:
    """The name of an extension that the server has: vector, or citext where that is not there."""
    return asyncio.run(_extension(server.address()))


@pytest.fixture(scope="module")
def service(
    full_schema_address: Address, full_schema_extension: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of the full schema, built in that database."""
    service = full_schema.make_service(tmp_path_factory.mktemp("full_schema") / "migrations", full_schema_extension)
    asyncio.run(full_schema.build(full_schema_address, service))
    yield service
    asyncio.run(full_schema.drop_roles(full_schema_address, service))


@pytest.fixture
async def superuser(full_schema_address: Address, service: Service) -> AsyncIterator[AsyncConnection]:
    """A superuser's connection in a transaction that leaves no trace: not of roles either."""
    async with full_schema.session(full_schema_address) as connection:
        yield connection
        await connection.rollback()


async def _extension(address: Address) -> str:
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        name: str = await connection.fetchval(
            "SELECT name FROM pg_available_extensions WHERE name IN ('vector', 'citext') ORDER BY name DESC LIMIT 1"
        )
        return name
    finally:
        await connection.close()
