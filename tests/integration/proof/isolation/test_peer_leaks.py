"""The leaks that were seen in other tools, each as a test of ours.

The tools and versions are those of a comparison made on a real PostgreSQL; a docstring names the tool and what it did.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import bookshop
import pytest
from bookshop import Author, Book
from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Address, Database, Service, errors
from tenantry.postgres.connect import connect
from tenantry.proof.audit import RULES, audit
from tenantry.proof.audit.finding import Finding
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.run import run_one
from tenantry.proof.isolation.verdict import Outcome
from tenantry.secrets import StaticSource

STATE = text("SELECT current_user::text, session_user::text, current_setting('app.current_tenant_id', true)")
NAMES = select(Author.name).order_by(Author.name)


@pytest.fixture
async def shop(shop_address: Address) -> AsyncIterator[Database]:
    """The bookshop over a pool of one connection, so that each unit of work gets what the one before left."""
    settings = bookshop.settings_for(shop_address, database_pool_size=1, database_max_overflow=0)
    async with bookshop.open_database(settings) as database:
        yield database


async def _add(database: Database, tenant: str, name: str) -> uuid.UUID:
    async with database.tenant(tenant) as session:
        author = Author(name=name)
        session.add(author)
        await session.flush()
        return author.id


# --- sqlalchemy-tenants 0.2.0: a role for each tenant, taken on for the session


async def test_after_a_rollback_a_session_sees_its_own_tenant_still(shop: Database) -> None:
    """sqlalchemy-tenants 0.2.0: after `rollback()` the same session sees all tenants."""
    await _add(shop, "acme", "Anna")
    await _add(shop, "globex", "Gerd")
    async with shop.tenant("acme") as session:
        assert list(await session.scalars(NAMES)) == ["Anna"]
        await session.rollback()
        assert list(await session.scalars(NAMES)) == ["Anna"]
        assert list(await session.scalars(text("SELECT name FROM authors"))) == ["Anna"]


async def test_after_a_commit_nothing_of_a_tenant_is_left_in_the_pool(shop: Database) -> None:
    """sqlalchemy-tenants 0.2.0: after `commit()` the tenant's role goes back to the pool with the connection."""
    async with shop.engine.connect() as connection:
        before = tuple((await connection.execute(STATE)).one())
    async with shop.tenant("acme") as session:
        session.add(Author(name="Anna"))
        await session.commit()
    async with shop.engine.connect() as connection:
        after = tuple((await connection.execute(STATE)).one())
    assert after[:2] == before[:2]
    assert not after[2]
    async with shop.tenant("globex") as session:
        assert list(await session.scalars(text("SELECT name FROM authors"))) == []


async def test_a_tenant_whose_name_holds_anothers_is_another(shop: Database) -> None:
    """sqlalchemy-tenants 0.2.0: the tenant `tenant_a` reads the rows of the tenant `a`."""
    await _add(shop, "a", "Anna")
    await _add(shop, "tenant_a", "Tina")
    for tenant, name in (("a", "Anna"), ("tenant_a", "Tina")):
        async with shop.tenant(tenant) as session:
            assert list(await session.scalars(text("SELECT name FROM authors"))) == [name]
    async with shop.tenant("tenant_") as session:
        assert list(await session.scalars(text("SELECT name FROM authors"))) == []


# --- rls 0.3.2: a setting of the session


async def test_the_first_get_of_a_tenant_finds_none_of_the_one_before(shop: Database) -> None:
    """In rls 0.3.2 tenant 2's first `get()` returned tenant 1's row, for `get()` passes the session's hook by."""
    anna = await _add(shop, "acme", "Anna")
    async with shop.tenant("acme") as session:
        assert await session.get(Author, anna) is not None
    async with shop.tenant("globex") as session:
        assert await session.get(Author, anna) is None


async def test_a_row_that_is_added_first_belongs_to_the_tenant_at_work(shop: Database) -> None:
    """In rls 0.3.2 `add()` and `commit()` as a session's first acts wrote into the tenant before."""
    await _add(shop, "acme", "Anna")
    async with shop.tenant("globex") as session:
        session.add(Author(name="Gerd"))
        await session.commit()
    async with shop.admin(reason="test") as session:
        rows = await session.execute(select(Author.tenant_id, Author.name).order_by(Author.name))
        assert [tuple(row) for row in rows] == [("acme", "Anna"), ("globex", "Gerd")]


# --- fastapi-tenancy 0.5.0: a setting of the first transaction


async def test_rows_are_there_after_a_commit(shop: Database) -> None:
    """fastapi-tenancy 0.5.0: rows vanish after `commit()`, for the setting ended with the first transaction."""
    async with shop.tenant("acme") as session:
        session.add(Author(name="Anna"))
        await session.commit()
        assert list(await session.scalars(NAMES)) == ["Anna"]
        session.add(Author(name="Bert"))
        await session.commit()
        assert list(await session.scalars(NAMES)) == ["Anna", "Bert"]


async def test_what_removes_a_tenant_removes_its_rows_or_says_so(shop: Database) -> None:
    """fastapi-tenancy 0.5.0: `destroy_tenant` deleted 0 rows, unseen through row security, and reported success."""
    author = await _add(shop, "acme", "Anna")
    async with shop.tenant("acme") as session:
        session.add(Book(author_id=author, title="One"))
    with pytest.raises(errors.TenantRequired):
        async with shop.session() as session:
            await session.execute(delete(Author))
    async with shop.admin(reason="test") as session:
        gone = await session.execute(delete(Author).where(Author.tenant_id == "acme"))
        assert gone.rowcount == 1  # type: ignore[attr-defined]  # a CursorResult
    async with shop.admin(reason="test") as session:
        assert await session.scalar(select(func.count()).select_from(Author)) == 0
        assert await session.scalar(select(func.count()).select_from(Book)) == 0


async def test_row_security_that_is_off_is_told_by_the_audit(superuser: AsyncConnection, service: Service) -> None:
    """fastapi-tenancy 0.5.0: `verify_isolation()` is True with row security off."""
    await superuser.exec_driver_sql("ALTER TABLE ships DISABLE ROW LEVEL SECURITY")
    assert _errors(await audit(superuser, service), "rls_disabled") == ["table public.ships"]


async def test_row_security_that_is_off_is_told_by_the_proof(attacked: AttackedDatabase, shop_address: Address) -> None:
    """fastapi-tenancy 0.5.0: the same, asked of what is tried instead of what is read."""
    await _execute(shop_address, "ALTER TABLE books DISABLE ROW LEVEL SECURITY")
    found = await run_one(attacked, "select_all")
    assert {one.object for one in found if one.outcome is Outcome.BREACH} == {"public.books"}


# --- fastapi-rls 0.1.0: compares by names


@pytest.mark.parametrize(
    "change",
    [
        "USING (true)",
        "WITH CHECK (true)",
        "USING (tenant_id::text <> current_setting('app.current_tenant_id', true))",
        "USING (tenant_id::text = current_setting('app.other', true))",
        "TO PUBLIC",
    ],
)
async def test_a_policy_of_the_right_name_that_says_something_else_is_told(
    superuser: AsyncConnection, service: Service, change: str
) -> None:
    """fastapi-rls 0.1.0: drift is looked for by the names of policies alone."""
    await superuser.exec_driver_sql(f"ALTER POLICY tenant_isolation_policy ON ships {change}")
    assert _errors(await audit(superuser, service))[0] == "policy public.ships.tenant_isolation_policy"


# --- pgrls 0.57.1: 68 rules, by default without these


async def test_a_bypass_by_a_setting_is_told(superuser: AsyncConnection, service: Service) -> None:
    """What pgrls 0.57.1 missed: a policy with `OR current_setting('app.bypass') = 'on'`, which any SQL can set."""
    bypass = (
        "tenant_id::text = current_setting('app.current_tenant_id', true) OR current_setting('app.bypass', true) = 'on'"
    )
    await superuser.exec_driver_sql(f"ALTER POLICY tenant_isolation_policy ON ships USING ({bypass})")
    assert "policy public.ships.tenant_isolation_policy" in _errors(await audit(superuser, service))


async def test_a_reference_across_tenants_is_told(superuser: AsyncConnection, service: Service) -> None:
    """What pgrls 0.57.1 missed: a foreign key without the tenant, by which a cascade deletes another tenant's rows."""
    await superuser.exec_driver_sql("ALTER TABLE ships ADD CONSTRAINT alone UNIQUE (id)")
    loose = "ALTER TABLE cargo ADD CONSTRAINT loose FOREIGN KEY (ship_id) REFERENCES ships (id) ON DELETE CASCADE"
    await superuser.exec_driver_sql(loose)
    assert any(found.startswith("constraint public.cargo.loose") for found in _errors(await audit(superuser, service)))


async def test_a_grant_of_truncate_is_told(superuser: AsyncConnection, service: Service) -> None:
    """What pgrls 0.57.1 missed: GRANT TRUNCATE, which `GRANT ALL` includes and row security does not see."""
    await superuser.exec_driver_sql(f"GRANT ALL ON ships TO {service.roles.application}")
    (told,) = _errors(await audit(superuser, service), "truncate_granted")
    assert told.startswith("table public.ships: ")


@pytest.mark.parametrize(
    ("attack", "sabotage"),
    [
        (
            "foreign_key_insert",
            "ALTER TABLE books ADD CONSTRAINT loose FOREIGN KEY (author_id) REFERENCES authors (id)",
        ),
        ("truncate", "GRANT TRUNCATE ON books TO bookshop_app"),
    ],
)
async def test_what_row_security_does_not_see_is_told_by_the_proof(
    attacked: AttackedDatabase, shop_address: Address, attack: str, sabotage: str
) -> None:
    """What pgrls 0.57.1 missed, the same two, by trying."""
    if attack == "foreign_key_insert":
        await _execute(shop_address, "ALTER TABLE books DROP CONSTRAINT fk_books_tenant_id_author_id_authors")
    await _execute(shop_address, sabotage)
    found = await run_one(attacked, attack)
    assert {one.object for one in found if one.outcome is Outcome.BREACH} == {"public.books"}


def _errors(findings: list[Finding], name: str = "") -> list[str]:
    """Return the objects of the gravest findings, or of those of one rule."""
    return [one.object for one in findings if one.severity == "error" and (not name or one.code == RULES[name].code)]


async def _execute(address: Address, statement: str) -> None:
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
