"""A declared lookup leads from a global key to its tenant, and to nothing else."""

from __future__ import annotations

import uuid

import pytest
from bookshop import ROLES, Author, Base
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tenantry import Address, Database, errors
from tenantry.postgres.connect import connect
from tenantry.postgres.objects import Function
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.secrets import StaticSource
from tenantry.tenancy.objects import declared_objects

TOKEN = uuid.UUID("9f8a1c5e-4b1f-4d57-8f0e-3f1b9a2f7c10")


async def add_author(shop: Database, tenant: str, **columns: object) -> Author:
    async with shop.tenant(tenant) as session:
        author = Author(name=str(columns.pop("name", "A")), **columns)
        session.add(author)
    return author


async def test_a_key_leads_to_its_tenant_and_row(shop: Database) -> None:
    author = await add_author(shop, "acme", email="a@acme.example")
    assert await shop.find_tenant(Author, email="a@acme.example") == ("acme", author.id)
    assert await shop.find_tenant(Author, email="b@acme.example") is None


async def test_a_condition_makes_a_key_lead_nowhere(shop: Database) -> None:
    await add_author(shop, "acme", name="hidden", token=TOKEN)
    assert await shop.find_tenant(Author, token=TOKEN) is None


async def test_an_undeclared_key_is_refused(shop: Database) -> None:
    with pytest.raises(errors.DeclarationError, match=r"TenantLookup\('name'\)"):
        await shop.find_tenant(Author, name="A")


async def test_the_lookup_opens_no_row(shop: Database) -> None:
    """Having asked, the application still sees nothing without the tenant."""
    await add_author(shop, "acme", email="a@acme.example")
    await shop.find_tenant(Author, email="a@acme.example")
    async with shop.tenant("globex") as session:
        assert await session.scalar(select(func.count()).select_from(Author)) == 0


async def test_only_the_application_may_ask(shop_address: Address, shop: Database) -> None:
    """EXECUTE is the application's alone: any other role is refused."""
    superuser = await connect(StaticSource(shop_address), deadline=5, application_name="test")
    try:
        name = f"stranger_{uuid.uuid4().hex[:8]}"
        await superuser.execute(f"CREATE ROLE {name}")
        allowed = "SELECT has_function_privilege($1, 'tenant_of_authors_by_email(character varying)', 'EXECUTE')"
        assert await superuser.fetchval(allowed, ROLES.application)
        assert not await superuser.fetchval(allowed, name)
        await superuser.execute(f"DROP ROLE {name}")
    finally:
        await superuser.close()


async def test_the_search_path_is_pinned(shop: Database) -> None:
    """A temporary table of the caller does not stand in for the real one."""
    await add_author(shop, "acme", email="a@acme.example")
    with pytest.raises(DBAPIError) as caught:
        async with shop.session() as session:
            await session.execute(text("CREATE TABLE public.shadow (id int)"))
    assert sqlstate_of(caught.value) == "42501"
    functions = [item for item in declared_objects(Base.metadata, ROLES) if isinstance(item, Function)]
    definers = [item for item in functions if item.security_definer]
    assert {item.name for item in definers} == {"tenant_of_authors_by_email", "tenant_of_authors_by_token"}
    assert all(item.search_path == "pg_catalog, pg_temp" and item.execute == (ROLES.application,) for item in definers)
