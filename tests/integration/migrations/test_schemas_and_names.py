"""A service works whatever its schemas, tables and columns are called, and whatever names are made of them."""

from __future__ import annotations

import pytest
from named_project import NAMES
from shop_project import Project
from sqlalchemy import func, select

from tenantry import Database
from tenantry.migrations import migrate, rollback
from tenantry.proof.audit import Finding
from tenantry.proof.audit.inspection import audit_database
from tenantry.tenancy.rules import check_declarations


@pytest.fixture(params=NAMES)
def module_text(request: pytest.FixtureRequest) -> str:
    return NAMES[request.param].module


@pytest.fixture
def has_lookup(module_text: str) -> bool:
    return "unique=True" in module_text


async def test_every_view_of_the_schema_agrees_and_the_way_back_is_exact(shop: Project, *, has_lookup: bool) -> None:
    """The first revision leaves nothing to do; the way back leaves what was there; forward again makes the same."""
    deployment = shop.deployment
    check_declarations(shop.service.metadata)
    await migrate(deployment)
    before = await shop.dump()
    await shop.autogenerate("first")
    await migrate(deployment)
    assert await _findings(shop) == []
    assert await shop.differences() == []
    first = await shop.dump()
    async with deployment.database() as database:
        await _use(database, shop, has_lookup=has_lookup)
    await rollback(deployment, "base")
    assert await shop.dump() == before
    await migrate(deployment)
    assert await shop.dump() == first
    assert await _findings(shop) == []
    assert await shop.differences() == []


async def _findings(shop: Project) -> list[Finding]:
    """Return what the audit finds, without the login: tests log in as a superuser."""
    return [finding for finding in await audit_database(shop.deployment) if finding.code != "TN324"]


async def _use(database: Database, shop: Project, *, has_lookup: bool) -> None:
    """Insert, read, change and delete rows as a tenant; another tenant reads and changes none of them."""
    module = shop.module
    parent, child = module.Parent, module.Child
    async with database.tenant("north") as session:
        book = parent(token="secret")
        session.add(book)
        await session.flush()
        session.add(child(parent=book.id))
    async with database.tenant("north") as session:
        assert (await session.scalars(select(child.parent))).all() == [book.id]
        found = (await session.scalars(select(parent))).one()
        before = found.updated_at
        found.token = "other"
        await session.flush()
        await session.refresh(found)
        assert found.updated_at > before
    async with database.tenant("south") as session:
        for model in (parent, child):
            assert await session.scalar(select(func.count()).select_from(model)) == 0
    if has_lookup:
        column = parent.__table__.c[next(iter(parent.__lookups__)).columns[0]].name
        assert await database.find_tenant(parent, **{column: "other"}) == ("north", book.id)
        assert await database.find_tenant(parent, **{column: "secret"}) is None
    async with database.admin(reason="test") as session:
        session.add(module.Kind())
    async with database.session() as session:
        assert (await session.scalars(select(module.Kind.id))).all() == [1]
    async with database.tenant("north") as session:
        await session.delete((await session.scalars(select(child))).one())
