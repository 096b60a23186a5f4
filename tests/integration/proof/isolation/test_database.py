"""What an attack is handed: a login, bindings, and somebody who sees what was damaged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import bookshop
import pytest
import signed_schema
from proof_deployment import deployment_at
from sqlalchemy import select

from tenantry import Address, sql
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.binding import Binding
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable, open_attacked
from tenantry.testing.administrator import Administrator

# What the cast of a tenant raises that is none, and the accessor of signed tenants: the statement saw nothing.
REFUSED = (
    asyncpg.InvalidTextRepresentationError,
    asyncpg.NumericValueOutOfRangeError,
    asyncpg.InsufficientPrivilegeError,
)


@asynccontextmanager
async def admin(attacked: AttackedDatabase) -> AsyncIterator[Connection]:
    connection = await connect(attacked.admin.source, deadline=10, application_name="test", role=attacked.admin.role)
    try:
        yield connection
    finally:
        await connection.close()


async def look(connection: Connection, binding: Binding, target: AttackedTable) -> list[Any]:
    """Return the tenants of the rows that the application sees in a binding."""
    table = sql.qualified(target.schema, target.name)
    await connection.execute("BEGIN; " + binding.preamble)
    try:
        return [row[0] for row in await connection.fetch(f"SELECT {target.tenant_column}::text FROM {table}")]
    except REFUSED:
        return []
    finally:
        await connection.execute("ROLLBACK")


async def check_bindings(attacked: AttackedDatabase) -> None:
    connection = await attacked.connect()
    try:
        for target in attacked.tables:
            for binding in attacked.bindings:
                expected = [attacked.attacker] * len(target.rows[attacked.attacker]) if binding.is_own else []
                assert await look(connection, binding, target) == expected, (target.name, binding)
    finally:
        await connection.close()


async def test_the_application_sees_its_own_rows_in_its_own_tenant_and_none_in_any_other_binding(
    attacked: AttackedDatabase,
) -> None:
    await check_bindings(attacked)


async def test_numbers_as_tenants(attacked_zoo: AttackedDatabase) -> None:
    await check_bindings(attacked_zoo)


async def test_the_full_schema(attacked_full_schema: AttackedDatabase) -> None:
    await check_bindings(attacked_full_schema)


async def test_the_services(attacked_service: AttackedDatabase) -> None:
    await check_bindings(attacked_service)


async def test_the_attacker_is_the_real_application_login(attacked: AttackedDatabase) -> None:
    connection = await attacked.connect()
    try:
        row = await connection.fetchrow("SELECT session_user, current_user")
    finally:
        await connection.close()
    assert tuple(row) == (bookshop.ROLES.application, bookshop.ROLES.application)


async def test_a_binding_is_the_one_of_the_unit_of_work(attacked: AttackedDatabase) -> None:
    assert attacked.bind_sql(attacked.bystander) == "SET LOCAL app.current_tenant_id = 'tenant_proof''s'"


async def test_the_unit_of_work_of_the_ground_sees_what_was_filled_in(attacked: AttackedDatabase) -> None:
    async with attacked.database.tenant(attacked.victim, read_only=True) as session:
        found = (await session.scalars(select(bookshop.Author.id))).all()
    (authors,) = [one for one in attacked.tables if one.name == "authors"]
    assert set(found) == {row["id"] for row in authors.rows[attacked.victim]}


async def test_a_service_without_tenants_has_a_ground_without_targets(attacked_service: AttackedDatabase) -> None:
    assert bool(attacked_service.tables) is (attacked_service.service.name != "items")


async def test_what_the_attacker_does_to_its_own_rows_is_no_damage(attacked: AttackedDatabase) -> None:
    before = await attacked.fingerprint()
    async with attacked.database.tenant(attacked.attacker) as session:
        for author in (await session.scalars(select(bookshop.Author))).all():
            author.name = "changed"
        session.add(bookshop.Author(name="new"))
    assert await attacked.fingerprint() == before
    assert await attacked.find_changes() == ()


DAMAGE = [
    ("UPDATE authors SET name = 'x' WHERE tenant_id = $1", "public.authors"),
    ("UPDATE books SET tenant_id = tenant_id, pages = 77 WHERE tenant_id = $1", "public.books"),
    ("DELETE FROM books WHERE tenant_id = $1", "public.books"),
    ("INSERT INTO readings (tenant_id, number) VALUES ($1, 99)", "public.readings"),
    ("UPDATE publishers SET token = 'x' WHERE tenant_id = $1", "public.publishers"),
    ("INSERT INTO currencies (code) SELECT 'EUR' WHERE $1 <> ''", "public.currencies"),
]


async def test_damage_is_told_once_with_its_table(attacked: AttackedDatabase) -> None:
    async with admin(attacked) as connection:
        for statement, table in DAMAGE:
            before = await attacked.fingerprint()
            await connection.execute(statement, attacked.victim)
            assert await attacked.fingerprint() != before, statement
            assert await attacked.find_changes() == (table,)
            assert await attacked.find_changes() == ()


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


async def test_damage_to_the_schema_is_told(attacked: AttackedDatabase) -> None:
    owner = attacked.deployment.endpoint("migration")
    connection = await connect(owner.source, deadline=10, application_name="test")
    try:
        for statement in SCHEMA_DAMAGE:
            await connection.execute(statement)
            assert "the schema" in await attacked.find_changes(), statement
    finally:
        await connection.close()


async def test_a_temporary_table_is_no_damage(
    attacked: AttackedDatabase, shop_address: Address, tenantry_administrator: Administrator
) -> None:
    """Where a service was given the privilege to make one."""
    database, application = sql.identifier(shop_address.database), sql.identifier(bookshop.ROLES.application)
    tenantry_administrator.execute(f"GRANT TEMPORARY ON DATABASE {database} TO {application}")
    connection = await attacked.connect()
    try:
        await connection.execute("CREATE TEMPORARY TABLE mine (v int)")
        assert await attacked.find_changes() == ()
    finally:
        await connection.close()


@pytest.mark.parametrize("kind", sorted(signed_schema.SIGNED_SCHEMAS))
async def test_signed_tenants(empty_database: Address, tmp_path: Path, kind: str) -> None:
    """A binding that is made up has no signature, and only the application's own has one."""
    place = signed_schema.SIGNED_SCHEMAS[kind]
    await place.build(empty_database)
    service = signed_schema.service_of(place, tmp_path)
    deployment = deployment_at(service, empty_database, context_keys=signed_schema.KEYS.text)
    async with open_attacked(deployment) as attacked:
        assert "|" in attacked.bind_sql(attacked.attacker)
        await check_bindings(attacked)
