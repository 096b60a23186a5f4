"""What an attack is handed: a login, stances, and somebody who sees what was damaged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import bookshop
import pytest
import vault
from grounds import everywhere
from sqlalchemy import select

from tenantry import Address, sql
from tenantry.deployment import Deployment
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.ground import Ground, Target, open_ground
from tenantry.proof.isolation.stance import Stance
from tenantry.testing.administrator import Administrator

# What the cast of a tenant raises that is none, and the accessor of signed tenants: the statement saw nothing.
REFUSED = (
    asyncpg.InvalidTextRepresentationError,
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.InsufficientPrivilegeError,
)


@asynccontextmanager
async def admin(ground: Ground) -> AsyncIterator[Connection]:
    connection = await connect(ground.admin.source, deadline=10, application_name="test", role=ground.admin.role)
    try:
        yield connection
    finally:
        await connection.close()


async def look(connection: Connection, stance: Stance, target: Target) -> list[Any]:
    """Return the tenants of the rows that the application sees in a stance."""
    table = sql.qualified(target.schema, target.name)
    await connection.execute("BEGIN; " + stance.preamble)
    try:
        return [row[0] for row in await connection.fetch(f"SELECT {target.tenant_column}::text FROM {table}")]
    except REFUSED:
        return []
    finally:
        await connection.execute("ROLLBACK")


async def check_stances(ground: Ground) -> None:
    connection = await ground.connect()
    try:
        for target in ground.targets:
            for stance in ground.stances:
                expected = [ground.attacker] * len(target.rows[ground.attacker]) if stance.is_own else []
                assert await look(connection, stance, target) == expected, (target.name, stance)
    finally:
        await connection.close()


async def test_the_application_sees_its_own_rows_in_its_own_tenant_and_none_in_any_other_stance(ground: Ground) -> None:
    await check_stances(ground)


async def test_numbers_as_tenants(zoo_ground: Ground) -> None:
    await check_stances(zoo_ground)


async def test_the_harbour(harbour_ground: Ground) -> None:
    await check_stances(harbour_ground)


async def test_the_services(service_ground: Ground) -> None:
    await check_stances(service_ground)


async def test_the_attacker_is_the_real_application_login(ground: Ground) -> None:
    connection = await ground.connect()
    try:
        row = await connection.fetchrow("SELECT session_user, current_user")
    finally:
        await connection.close()
    assert tuple(row) == (bookshop.ROLES.application, bookshop.ROLES.application)


async def test_a_binding_is_the_one_of_the_unit_of_work(ground: Ground) -> None:
    assert ground.binding(ground.bystander) == "SET LOCAL app.current_tenant_id = 'tenant_proof''s'"


async def test_the_unit_of_work_of_the_ground_sees_what_was_filled_in(ground: Ground) -> None:
    async with ground.database.tenant(ground.victim, read_only=True) as session:
        found = (await session.scalars(select(bookshop.Author.id))).all()
    (authors,) = [one for one in ground.targets if one.name == "authors"]
    assert set(found) == {row["id"] for row in authors.rows[ground.victim]}


async def test_a_service_without_tenants_has_a_ground_without_targets(service_ground: Ground) -> None:
    assert bool(service_ground.targets) is (service_ground.service.name != "items")


async def test_what_the_attacker_does_to_its_own_rows_is_no_damage(ground: Ground) -> None:
    before = await ground.fingerprint()
    async with ground.database.tenant(ground.attacker) as session:
        for author in (await session.scalars(select(bookshop.Author))).all():
            author.name = "changed"
        session.add(bookshop.Author(name="new"))
    assert await ground.fingerprint() == before
    assert await ground.expect_untouched() == ()


DAMAGE = [
    ("UPDATE authors SET name = 'x' WHERE tenant_id = $1", "public.authors"),
    ("UPDATE books SET tenant_id = tenant_id, pages = 77 WHERE tenant_id = $1", "public.books"),
    ("DELETE FROM books WHERE tenant_id = $1", "public.books"),
    ("INSERT INTO readings (tenant_id, number) VALUES ($1, 99)", "public.readings"),
    ("UPDATE publishers SET token = 'x' WHERE tenant_id = $1", "public.publishers"),
    ("INSERT INTO currencies (code) SELECT 'EUR' WHERE $1 <> ''", "public.currencies"),
]


async def test_damage_is_told_once_with_its_table(ground: Ground) -> None:
    async with admin(ground) as connection:
        for statement, table in DAMAGE:
            before = await ground.fingerprint()
            await connection.execute(statement, ground.victim)
            assert await ground.fingerprint() != before, statement
            assert await ground.expect_untouched() == (table,)
            assert await ground.expect_untouched() == ()


SCHEMA_DAMAGE = [
    "CREATE TABLE left_behind (v int)",
    "CREATE FUNCTION left_behind() RETURNS int LANGUAGE sql RETURN 1",
    "GRANT TRUNCATE ON books TO bookshop_app",
    "GRANT SELECT (title) ON books TO PUBLIC",
    "ALTER TABLE books DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE books NO FORCE ROW LEVEL SECURITY",
    "ALTER POLICY tenant_isolation_policy ON books USING (true)",
    "DROP POLICY tenant_isolation_policy ON books",
    "ALTER TABLE books ADD COLUMN v int",
    "ALTER TABLE books DISABLE TRIGGER USER",
    "CREATE SCHEMA left_behind",
    "GRANT CREATE ON SCHEMA public TO bookshop_app",
]


async def test_damage_to_the_schema_is_told(ground: Ground) -> None:
    owner = Deployment(ground.service, ground.settings).endpoint("migration")
    connection = await connect(owner.source, deadline=10, application_name="test")
    try:
        for statement in SCHEMA_DAMAGE:
            await connection.execute(statement)
            assert "the schema" in await ground.expect_untouched(), statement
    finally:
        await connection.close()


async def test_a_temporary_table_is_no_damage(
    ground: Ground, shop_address: Address, tenantry_administrator: Administrator
) -> None:
    """Where a service was given the privilege to make one."""
    database, application = sql.identifier(shop_address.database), sql.identifier(bookshop.ROLES.application)
    tenantry_administrator.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {application}")
    connection = await ground.connect()
    try:
        await connection.execute("CREATE TEMPORARY TABLE mine (v int)")
        assert await ground.expect_untouched() == ()
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", sorted(vault.VAULTS))
async def test_signed_tenants(empty_database: Address, tmp_path: Path, kind: str) -> None:
    """A stance that is made up has no signature, and only the application's own has one."""
    place = vault.VAULTS[kind]
    await place.build(empty_database)
    service = vault.service_of(place, tmp_path)
    settings = everywhere(service, empty_database, context_keys=vault.KEYS.text)
    async with open_ground(service, settings) as ground:
        assert "|" in ground.binding(ground.attacker)
        await check_stances(ground)
