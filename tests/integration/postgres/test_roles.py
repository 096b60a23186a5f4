"""The three roles come to be, once, by whoever may; and what they may do is told as it is."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from tenantry import Address, errors
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.postgres.engine import PoolOptions, create_engine
from tenantry.postgres.roles import Roles, check_safe, ensure_owner, ensure_roles, fetch_role, read_role
from tenantry.postgres.scram import scram_verifier
from tenantry.secrets import StaticSource
from tenantry.sql import literal

STATE = """
SELECT rolname::text, rolsuper, rolcanlogin, rolbypassrls, rolcreatedb, rolcreaterole, rolpassword, xmin::text
FROM pg_authid WHERE starts_with(rolname, $1) ORDER BY rolname
"""


@pytest.fixture
def roles() -> Roles:
    """Names that no other test has: roles belong to the cluster."""
    prefix = f"roles_{uuid4().hex[:10]}"
    return Roles(f"{prefix}_owner", f"{prefix}_app", f"{prefix}_admin")


@pytest.fixture
async def log_in(empty_database: Address, roles: Roles) -> AsyncIterator[Callable[..., Any]]:
    """Logs in as a user, by default the superuser; cleans up everything after the test."""
    async with AsyncExitStack() as stack:

        async def log_in(user: str = "postgres", role: str | None = None) -> Connection:
            source = StaticSource(empty_database.replace(user=user))
            connection = await connect(source, deadline=10, application_name="test", role=role)
            stack.push_async_callback(connection.close)
            return connection

        superuser = await log_in()
        yield log_in
        await superuser.execute(f"ALTER DATABASE {empty_database.database} OWNER TO postgres")
        prefix = roles.owner.removesuffix("owner")
        names = [row[0] for row in await superuser.fetch(STATE, prefix)]
        for statement in ("DROP OWNED BY {} CASCADE", "DROP ROLE {}"):
            for name in names:
                await superuser.execute(statement.format(name))


async def test_they_are_what_they_should_be(log_in: Callable[..., Any], roles: Roles) -> None:
    """The owner cannot log in; only the admin bypasses row security; none may create databases or roles."""
    superuser = await log_in()
    await ensure_roles(superuser, roles)
    rows = await superuser.fetch(STATE, roles.owner.removesuffix("owner"))
    assert [tuple(row)[:6] for row in rows] == [
        (roles.admin, False, True, True, False, False),
        (roles.application, False, True, False, False, False),
        (roles.owner, False, False, False, False, False),
    ]


async def test_the_owner_may_create_and_the_others_may_not(log_in: Callable[..., Any], roles: Roles) -> None:
    """Nobody but the owner makes objects in schema public or temporary ones, whoever could before."""
    superuser = await log_in()
    await superuser.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    await ensure_roles(superuser, roles)
    await (await log_in(role=roles.owner)).execute("CREATE TABLE one (id integer)")
    for role in (roles.application, roles.admin):
        connection = await log_in(role)
        with pytest.raises(Exception, match="permission denied"):
            await connection.execute("CREATE TABLE two (id integer)")
        with pytest.raises(Exception, match="permission denied to create temporary tables"):
            await connection.execute("CREATE TEMPORARY TABLE one (id integer)")


async def test_the_second_time_changes_nothing(log_in: Callable[..., Any], roles: Roles) -> None:
    """Not one row of the catalog is written again."""
    superuser = await log_in()
    prefix = roles.owner.removesuffix("owner")
    await ensure_roles(superuser, roles, {roles.application: SecretStr("first")})
    databases = "SELECT xmin::text, datacl::text FROM pg_database WHERE datname = current_database()"
    before = await superuser.fetch(STATE, prefix), await superuser.fetch(databases)
    await ensure_roles(superuser, roles, {roles.application: None})
    assert (await superuser.fetch(STATE, prefix), await superuser.fetch(databases)) == before


async def test_many_at_once_do_not_collide(log_in: Callable[..., Any], roles: Roles) -> None:
    """Each process that makes the roles sets their passwords, too: those that it has in its addresses."""
    passwords = {roles.application: SecretStr("one"), roles.admin: SecretStr("other")}
    connections = [await log_in() for _ in range(6)]
    await asyncio.gather(*(ensure_roles(connection, roles, passwords) for connection in connections))
    rows = await connections[0].fetch(STATE, roles.owner.removesuffix("owner"))
    assert [row["rolpassword"] is not None for row in rows] == [True, True, False]


async def test_a_role_is_never_there_without_its_password(
    log_in: Callable[..., Any], roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both come in one transaction: a process that is killed leaves a role that can log in, or none."""
    superuser, seen = await log_in(), []
    send = Connection.execute

    async def execute(connection: Connection, query: str, *args: Any, **options: Any) -> str:
        status = await send(connection, query, *args, **options)
        seen.extend(await superuser.fetch(STATE, roles.application))
        return status

    with monkeypatch.context() as patch:
        patch.setattr(Connection, "execute", execute)
        await ensure_roles(await log_in(), roles, {roles.application: SecretStr("secret")})
    assert {row["rolpassword"] is None for row in seen} == {False}


async def test_a_password_is_stored_as_the_server_itself_would(log_in: Callable[..., Any], roles: Roles) -> None:
    """We send a verifier, so that no log has the password; the server's own for the same salt is equal."""
    superuser = await log_in()
    await ensure_roles(superuser, roles)
    password = "pässwört ﬁ'\\"
    await superuser.execute("SET password_encryption = 'scram-sha-256'")
    await superuser.execute(f"ALTER ROLE {roles.admin} PASSWORD {literal(password)}")
    stored: str = (await superuser.fetch(STATE, roles.admin))[0]["rolpassword"]
    salt = stored.split("$")[1].split(":")[1]
    assert scram_verifier(password, b64decode(salt)) == stored
    await ensure_roles(superuser, roles, {roles.admin: SecretStr(password)})
    sent = (await superuser.fetch(STATE, roles.admin))[0]["rolpassword"]
    assert sent.startswith("SCRAM-SHA-256$4096:")
    assert sent != stored


async def test_a_superuser_of_that_name_is_refused_and_left_alone(log_in: Callable[..., Any], roles: Roles) -> None:
    superuser = await log_in()
    await superuser.execute(f"CREATE ROLE {roles.application} SUPERUSER")
    with pytest.raises(errors.UnsafeRole, match="is a superuser"):
        await ensure_roles(superuser, roles)
    assert (await superuser.fetch(STATE, roles.application))[0]["rolsuper"]


async def test_what_an_existing_role_lacks_is_added(log_in: Callable[..., Any], roles: Roles) -> None:
    superuser = await log_in()
    await superuser.execute(f"CREATE ROLE {roles.admin}; CREATE ROLE {roles.application}")
    await ensure_roles(superuser, roles)
    rows = await superuser.fetch(STATE, roles.owner.removesuffix("owner"))
    assert [(row["rolcanlogin"], row["rolbypassrls"]) for row in rows] == [(True, True), (True, False), (False, False)]


async def test_the_databases_owner_with_createrole_can_do_it(
    log_in: Callable[..., Any], roles: Roles, empty_database: Address
) -> None:
    """As on a hosted PostgreSQL: no superuser anywhere; the login may then take on each role."""
    superuser = await log_in()
    login = f"{roles.owner}_login"
    modern = superuser.get_server_version() >= (16,)
    await superuser.execute(f"CREATE ROLE {login} LOGIN CREATEROLE {'BYPASSRLS' if modern else ''}")
    await superuser.execute(f"ALTER DATABASE {empty_database.database} OWNER TO {login}")
    if not modern:
        await superuser.execute(f"CREATE ROLE {roles.admin} LOGIN BYPASSRLS")
    connection = await log_in(login)
    await ensure_roles(connection, roles)
    await ensure_roles(connection, roles)
    for role in (roles.owner, roles.application, roles.admin):
        facts = await fetch_role(await log_in(login, role=role))
        assert (facts.name, facts.login_name) == (role, login)
    await (await log_in(login, role=roles.owner)).execute("CREATE TABLE one (id integer)")


async def test_a_login_that_may_not_gets_the_sql_for_an_administrator(log_in: Callable[..., Any], roles: Roles) -> None:
    superuser = await log_in()
    login = f"{roles.owner}_login"
    await superuser.execute(f"CREATE ROLE {login} LOGIN")
    with pytest.raises(errors.ConfigurationError) as failure:
        await ensure_owner(await log_in(login), roles)
    assert failure.value.what == f"Role {roles.owner!r} needs a change that the login {login!r} may not make."
    assert f'database: CREATE ROLE "{roles.owner}" NOLOGIN NOCREATEDB NOCREATEROLE;' in failure.value.remedy


async def test_facts_of_the_application(log_in: Callable[..., Any], roles: Roles) -> None:
    """Logged in as itself it is held by row security, and nothing is weak."""
    await ensure_roles(await log_in(), roles)
    facts = await fetch_role(await log_in(roles.application))
    assert check_safe(facts, roles) == ()
    assert (facts.superuser, facts.bypass_rls, facts.owns, facts.can_become) == (False, False, (), ())


async def test_facts_of_a_login_that_switches(log_in: Callable[..., Any], roles: Roles) -> None:
    """A superuser that takes on the application's role is held too, but it is weaker, and that is said."""
    await ensure_roles(await log_in(), roles)
    facts = await fetch_role(await log_in(role=roles.application))
    (weakness,) = (each for each in check_safe(facts, roles) if "superuser" in each)
    assert "injected SQL can undo that" in weakness


async def test_facts_are_the_same_over_either_driver(
    log_in: Callable[..., Any], roles: Roles, empty_database: Address
) -> None:
    await ensure_roles(await log_in(), roles)
    engine = create_engine(StaticSource(empty_database), PoolOptions(), application_name="test", role=roles.application)
    try:
        async with engine.connect() as connection:
            facts = await connection.run_sync(read_role)
    finally:
        await engine.dispose()
    assert facts == await fetch_role(await log_in(role=roles.application))


MUTANTS = {
    "superuser": ("ALTER ROLE {app} SUPERUSER", "superuser"),
    "bypass": ("ALTER ROLE {app} BYPASSRLS", "BYPASSRLS"),
    "owner's rights": ("GRANT {owner} TO {app}", "privileges of the owner"),
    "owner of a table": ("CREATE TABLE mine (id integer); ALTER TABLE mine OWNER TO {app}", "public.mine"),
}


@pytest.mark.parametrize("mutant", MUTANTS)
async def test_a_role_that_could_step_over_row_security_is_refused(
    log_in: Callable[..., Any], roles: Roles, mutant: str
) -> None:
    superuser = await log_in()
    await ensure_roles(superuser, roles)
    statement, why = MUTANTS[mutant]
    await superuser.execute(statement.format(app=roles.application, owner=roles.owner))
    with pytest.raises(errors.UnsafeRole, match=why):
        check_safe(await fetch_role(await log_in(roles.application)), roles)
