"""Criterion 3: the tables are those that the story lists, read from the catalog and compared with a list by hand."""

from __future__ import annotations

import uuid

import asyncpg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError

from accounts.models import PasswordChange, Tenant, User
from tenantry import Database, errors
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of

ACME, GLOBEX = uuid.UUID(int=1), uuid.UUID(int=2)
TENANT = "(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid"
MOMENT = "timestamp with time zone"

# Column: type, default; none may be NULL.
COLUMNS: dict[str, dict[str, tuple[str, str | None]]] = {
    "tenants": {
        "id": ("uuid", "gen_random_uuid()"),
        "name": ("character varying(100)", None),
        "created_at": (MOMENT, "now()"),
    },
    "users": {
        "id": ("uuid", "gen_random_uuid()"),
        "tenant_id": ("uuid", TENANT),
        "username": ("character varying(100)", None),
        "email": ("character varying(254)", None),
        "hashed_password": ("character varying(255)", None),
        "roles": ("json", "'[]'::json"),
        "created_at": (MOMENT, "now()"),
    },
    "password_changes": {"tenant_id": ("uuid", TENANT), "user_id": ("uuid", None), "changed_at": (MOMENT, None)},
    "sign_in_attempts": {
        "key": ("character varying(64)", None),
        "failures": ("integer", None),
        "last_at": (MOMENT, None),
        "next_at": (MOMENT, None),
    },
}

READ_COLUMNS = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), pg_get_expr(d.adbin, d.adrelid), a.attnotnull
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""


@pytest.mark.parametrize("table", COLUMNS)
async def test_ac3_the_columns_are_the_storys(superuser: asyncpg.Connection, table: str) -> None:
    """Criterion 3: names, types, nullability and defaults of both tables."""
    found = [tuple(row) for row in await superuser.fetch(READ_COLUMNS, table)]
    assert found == [(name, *facts, True) for name, facts in COLUMNS[table].items()]


async def test_there_are_no_other_tables(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    assert {name for (name,) in rows} == {*COLUMNS, "alembic_version"}


async def test_the_keys_and_references_are_indexed(superuser: asyncpg.Connection) -> None:
    """The story's indexes: primary keys, the reference, and what is looked up often."""
    query = """
        SELECT i.indexrelid::regclass::text, i.indisunique
        FROM pg_index AS i WHERE i.indrelid IN ('users'::regclass, 'tenants'::regclass)
    """
    assert {tuple(row) for row in await superuser.fetch(query)} == {
        ("pk_tenants", True),
        ("uq_tenants_name", True),
        ("pk_users", True),
        ("uq_users_email", True),
        ("uq_users_tenant_id_id", True),
        ("uq_users_tenant_id_username", True),
        ("ix_users_tenant_id_created_at_id", False),
    }


async def add_tenant(database: Database, tenant: uuid.UUID, name: str, **user: object) -> None:
    async with database.tenant(tenant) as session:
        session.add(Tenant(id=tenant, name=name))
        await session.flush()
        values = {"username": "ada", "email": f"ada@{name}.example", "hashed_password": "x", "roles": ["admin"]}
        session.add(User(**{**values, **user}))


@pytest.mark.parametrize(
    ("name", "user", "constraint", "state"),
    [
        ("acme", {"email": "ada@globex.example"}, "uq_tenants_name", "23505"),
        ("globex", {"email": "ada@acme.example"}, "uq_users_email", "23505"),
        ("globex", {"email": "Ada@globex.example"}, "ck_users_email_normalised", "23514"),
        ("globex", {"roles": {"admin": True}}, "ck_users_roles_are_a_list", "23514"),
        ("globex", {"tenant_id": ACME}, None, "42501"),
    ],
)
async def test_the_database_refuses(
    database: Database, name: str, user: dict[str, object], constraint: str | None, state: str
) -> None:
    """A name or an e-mail of another tenant, an e-mail of two spellings, roles that are no list, another's tenant."""
    await add_tenant(database, ACME, "acme")
    with pytest.raises(DBAPIError) as caught:
        await add_tenant(database, GLOBEX, name, **user)
    assert constraint_of(caught.value) == constraint
    assert sqlstate_of(caught.value) == state


async def test_a_username_is_unique_within_its_tenant(database: Database) -> None:
    await add_tenant(database, ACME, "acme")
    await add_tenant(database, GLOBEX, "globex")
    with pytest.raises(IntegrityError) as caught:
        async with database.tenant(ACME) as session:
            session.add(User(username="ada", email="other@acme.example", hashed_password="x", roles=["member"]))
    assert constraint_of(caught.value) == "uq_users_tenant_id_username"


async def test_a_tenant_can_make_no_other_tenant(database: Database) -> None:
    """What signing up does with a fresh id is all that the application's role may do."""
    with pytest.raises(DBAPIError) as caught:
        async with database.tenant(ACME) as session:
            session.add(Tenant(id=GLOBEX, name="globex"))
    assert sqlstate_of(caught.value) == "42501"


async def test_each_tenant_sees_itself_only(database: Database) -> None:
    for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
        await add_tenant(database, tenant, name)
    for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
        async with database.tenant(tenant, read_only=True) as session:
            # Textual SQL has no predicate of the toolkit's: this is row security alone.
            assert (await session.execute(text("SELECT name FROM tenants"))).scalars().all() == [name]
            assert (await session.execute(text("SELECT tenant_id FROM users"))).scalars().all() == [tenant]
    with pytest.raises(errors.TenantRequired):
        async with database.session() as session:
            await session.execute(select(User))


async def test_removing_a_tenant_removes_its_users(database: Database, superuser: asyncpg.Connection) -> None:
    for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
        await add_tenant(database, tenant, name)
    async with database.tenant(ACME) as session:
        user = (await session.scalars(select(User))).one()
        session.add(PasswordChange(user_id=user.id, changed_at=user.created_at))
    await superuser.execute("DELETE FROM tenants WHERE name = 'acme'")
    rows = await superuser.fetch("SELECT email::text FROM users")
    assert [email for (email,) in rows] == ["ada@globex.example"]
    assert await superuser.fetchval("SELECT count(*) FROM password_changes") == 0


async def test_a_hash_is_loaded_by_nobody_who_does_not_ask(database: Database) -> None:
    await add_tenant(database, ACME, "acme")
    async with database.tenant(ACME, read_only=True) as session:
        user = (await session.scalars(select(User))).one()
        with pytest.raises(InvalidRequestError):
            _ = user.hashed_password


async def test_the_lookup_tells_a_tenant_and_nothing_else(database: Database, superuser: asyncpg.Connection) -> None:
    await add_tenant(database, ACME, "acme")
    found = await database.find_tenant(User, email="ada@acme.example")
    assert found is not None
    assert found.tenant == ACME
    assert found.key == await superuser.fetchval("SELECT id FROM users")
    assert await database.find_tenant(User, email="nobody@acme.example") is None
