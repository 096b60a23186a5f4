"""Grounds to attack: the bookshop, the harbour, the menagerie, the oddments, and each of the four services."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import bookshop
import harbour
import menagerie
import oddments
import pytest
from grounds import everywhere

from tenantry import Address, Service
from tenantry.project import find_project
from tenantry.proof.isolation.ground import Ground, open_ground
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
async def ground(shop_service: Service, shop_address: Address) -> AsyncIterator[Ground]:
    """The bookshop, filled."""
    async with open_ground(shop_service, everywhere(shop_service, shop_address)) as opened:
        yield opened


@pytest.fixture
async def harbour_service(
    empty_database: Address, tmp_path: Path, tenantry_administrator: Administrator
) -> AsyncIterator[Service]:
    """The harbour, built; its roles are this process's own."""
    available = extensions(tenantry_administrator)
    service = harbour.make_service(tmp_path / "migrations", "vector" if "vector" in available else "citext")
    await harbour.build(empty_database, service)
    yield service
    await harbour.drop_roles(empty_database, service)


@pytest.fixture
async def harbour_ground(empty_database: Address, harbour_service: Service) -> AsyncIterator[Ground]:
    """The harbour, filled."""
    async with open_ground(harbour_service, everywhere(harbour_service, empty_database)) as opened:
        yield opened


@pytest.fixture
def zoo_service(tmp_path: Path) -> Service:
    return menagerie.make_service(tmp_path)


@pytest.fixture
async def zoo_address(empty_database: Address, zoo_service: Service) -> Address:
    """A database with the menagerie's schema, as its superuser sees it."""
    await menagerie.build(empty_database, zoo_service)
    return empty_database


@pytest.fixture
async def zoo_ground(zoo_service: Service, zoo_address: Address) -> AsyncIterator[Ground]:
    """The menagerie, filled."""
    async with open_ground(zoo_service, everywhere(zoo_service, zoo_address)) as opened:
        yield opened


@pytest.fixture
async def odd_ground(empty_database: Address, tmp_path: Path) -> AsyncIterator[Ground]:
    """The oddments, filled."""
    service = oddments.make_service(tmp_path)
    await menagerie.build(empty_database, service, {})
    async with open_ground(service, everywhere(service, empty_database)) as opened:
        yield opened


@pytest.fixture(params=["ai_agents", "accounts", "items", "plc_coach"])
async def service_ground(
    request: pytest.FixtureRequest, tenantry_cluster: Cluster, tenantry_administrator: Administrator
) -> AsyncIterator[Ground]:
    """Each of the four services, migrated and filled; PLC Coach only where the server has vectors."""
    (service,) = load_services(find_project(ROOT), [request.param])
    if not set(service.extensions) <= extensions(tenantry_administrator):
        pytest.skip(f"This server has no {', '.join(service.extensions)}.")
    with tenantry_cluster.scratch(service, {}, tenantry_cluster.template(service, {})) as scratch:
        async with open_ground(scratch.service, scratch.settings) as opened:
            yield opened
