"""Databases to attack: the bookshop, the schemas of tests/support, and each of the four services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import awkward_shapes
import bookshop
import full_schema
import pytest
import quoted_names
from proof_deployment import deployment_at

from tenantry import Address, Service
from tenantry.project import find_project
from tenantry.proof.isolation.database import AttackedDatabase, open_attacked
from tenantry.service import load_services
from tenantry.testing.administrator import Administrator
from tenantry.testing.cluster import Cluster

ROOT = Path(__file__).parents[4]


def extensions(administrator: Administrator) -> set[str]:
    """Return the extensions that the server has the files of."""
    return {name for (name,) in administrator.fetch("SELECT name::text FROM pg_available_extensions")}


@pytest.fixture
def shop_service(tmp_path: Path) -> Service:
    return Service(
        name="bookshop",
        metadata=bookshop.Base.metadata,
        settings=bookshop.Settings,
        migrations=tmp_path,
        app="bookshop_api:app",
        roles=bookshop.ROLES,
    )


@pytest.fixture
async def shop_address(empty_database: Address) -> Address:
    """A database with the bookshop's schema, as its superuser sees it."""
    await bookshop.build(empty_database)
    return empty_database


@pytest.fixture
async def attacked(shop_service: Service, shop_address: Address) -> AsyncIterator[AttackedDatabase]:
    """The bookshop, filled."""
    async with open_attacked(deployment_at(shop_service, shop_address)) as opened:
        yield opened


@pytest.fixture
async def full_schema_service(
    empty_database: Address, tmp_path: Path, tenantry_administrator: Administrator
) -> AsyncIterator[Service]:
    """A service of the full schema, built; its roles are this process's own."""
    available = extensions(tenantry_administrator)
    service = full_schema.make_service(tmp_path / "migrations", "vector" if "vector" in available else "citext")
    await full_schema.build(empty_database, service)
    yield service
    await full_schema.drop_roles(empty_database, service)


@pytest.fixture
async def attacked_full_schema(
    empty_database: Address, full_schema_service: Service
) -> AsyncIterator[AttackedDatabase]:
    """The full schema, filled."""
    async with open_attacked(deployment_at(full_schema_service, empty_database)) as opened:
        yield opened


@pytest.fixture
def zoo_service(tmp_path: Path) -> Service:
    return awkward_shapes.make_service(tmp_path)


@pytest.fixture
async def zoo_address(empty_database: Address, zoo_service: Service) -> Address:
    """A database with the schema of awkward shapes, as its superuser sees it."""
    await awkward_shapes.build(empty_database, zoo_service)
    return empty_database


@pytest.fixture
async def attacked_zoo(zoo_service: Service, zoo_address: Address) -> AsyncIterator[AttackedDatabase]:
    """The schema of awkward shapes, filled."""
    async with open_attacked(deployment_at(zoo_service, zoo_address)) as opened:
        yield opened


@pytest.fixture
async def attacked_odd(empty_database: Address, tmp_path: Path) -> AsyncIterator[AttackedDatabase]:
    """The schema of quoted names, filled."""
    service = quoted_names.make_service(tmp_path)
    await awkward_shapes.build(empty_database, service, {})
    async with open_attacked(deployment_at(service, empty_database)) as opened:
        yield opened


@pytest.fixture(params=["ai_agents", "accounts", "items", "plc_coach"])
async def attacked_service(
    request: pytest.FixtureRequest, tenantry_cluster: Cluster, tenantry_administrator: Administrator
) -> AsyncIterator[AttackedDatabase]:
    """Each of the four services, migrated and filled; PLC Coach only where the server has vectors."""
    (service,) = load_services(find_project(ROOT), [request.param])
    if not set(service.extensions) <= extensions(tenantry_administrator):
        pytest.skip(f"This server has no {', '.join(service.extensions)}.")
    with tenantry_cluster.scratch(service, {}, tenantry_cluster.template(service, {})) as scratch:
        async with open_attacked(scratch.deployment) as opened:
            yield opened
