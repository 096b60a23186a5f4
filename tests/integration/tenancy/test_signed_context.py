"""What carries the tenant is signed: SQL in the application's own session cannot name another tenant."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
import signed_schema
from signed_schema import KEYS, SIGNED_SCHEMAS, UNSIGNED, SignedSchema
from sqlalchemy import insert, select, text

from tenantry import Address, Database, TenantSession, errors
from tenantry.commands.context import list_context_keys, push_context_keys, retire_context_key, rotate_context
from tenantry.deployment import Deployment
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.secrets import SigningRing, StaticSource
from tenantry.sql import identifier
from tenantry.tenancy.signed_context.signer import Signer
from tenantry.testing.administrator import Administrator

SETTING = "app.current_tenant_id"
TEXT = SIGNED_SCHEMAS["text"]
SIGNER = Signer(KEYS)
REFUSED = "42501"

# What an attacker makes of a statement of the application's: it rebinds, and then reads by one of the functions that
# run a text, so that the order is certain.
INJECTED = """
WITH rebound AS MATERIALIZED (SELECT set_config('app.current_tenant_id', $1, true) AS bound)
SELECT string_agg(word, ', ')
FROM rebound, ts_stat(CASE WHEN bound <> '' THEN 'SELECT array_to_tsvector(array_agg(content)) FROM boxes' END)
"""


@pytest.fixture(params=SIGNED_SCHEMAS)
def kind(request: pytest.FixtureRequest) -> SignedSchema:
    """One schema for each type of tenant."""
    return SIGNED_SCHEMAS[request.param]


@asynccontextmanager
async def opened(schema: SignedSchema, address: Address) -> AsyncIterator[Database]:
    """Build a schema with a box of each tenant, and open it as the application."""
    await schema.build(address)
    async with signed_schema.open_database(schema, signed_schema.settings_for(address)) as database:
        for tenant in (schema.mine, schema.theirs):
            async with database.tenant(tenant) as session:
                session.add(schema.box(content=f"of {tenant}"))
        yield database


@asynccontextmanager
async def login(address: Address, role: str = signed_schema.ROLES.application) -> AsyncIterator[Connection]:
    """A plain connection of the application's login, as an attacker has one."""
    source = StaticSource(address.replace(user=role))
    connection = await connect(source, deadline=10, application_name="attacker")
    try:
        yield connection
    finally:
        await connection.close()


async def contents(session: TenantSession) -> list[str]:
    return list((await session.execute(text("SELECT content FROM boxes"))).scalars())


async def read_with(connection: Connection, value: str) -> list[str]:
    """Bind a value in a transaction of its own and read what there is."""
    async with connection.transaction():
        await connection.execute("SELECT set_config($1, $2, true)", SETTING, value)
        return [row["content"] for row in await connection.fetch("SELECT content FROM boxes")]


async def test_a_tenant_works_with_its_own_rows_and_sees_no_others(kind: SignedSchema, empty_database: Address) -> None:
    """Whatever its type, and whatever characters it is made of: the separator, quotes, a backslash, a whole value."""
    async with opened(kind, empty_database) as database:
        for tenant in (kind.mine, kind.theirs):
            async with database.tenant(tenant) as session:
                assert await contents(session) == [f"of {tenant}"]
                (box,) = await session.scalars(select(kind.box))
                assert box.tenant_id == tenant
                box.content = f"still of {tenant}"
                box.depositor_id = None
            async with database.tenant(tenant, read_only=True) as reader:
                assert list(await reader.scalars(select(kind.box.content))) == [f"still of {tenant}"]


async def test_many_rows_are_filled_with_the_tenant(kind: SignedSchema, empty_database: Address) -> None:
    async with opened(kind, empty_database) as database:
        async with database.tenant(kind.mine) as session:
            await session.execute(insert(kind.box), [{"content": str(number)} for number in range(50)])
            await session.execute(text("INSERT INTO boxes (content) SELECT 'n' FROM generate_series(1, 50)"))
            assert len(await contents(session)) == 101
        async with database.tenant(kind.theirs) as session:
            assert len(await contents(session)) == 1


async def test_without_a_tenant_there_is_no_row(kind: SignedSchema, empty_database: Address) -> None:
    """Never used, and empty after the transaction that bound it: neither is an error of the database."""
    async with opened(kind, empty_database), login(empty_database) as connection:
        assert await connection.fetch("SELECT * FROM boxes") == []
        assert await read_with(connection, SIGNER.value(str(kind.mine))) == [f"of {kind.mine}"]
        assert await connection.fetchval(f"SELECT current_setting('{SETTING}')") == ""
        assert await connection.fetch("SELECT * FROM boxes") == []
        assert await connection.execute("DELETE FROM boxes") == "DELETE 0"


async def test_lookups_and_the_admin_work_as_before(kind: SignedSchema, empty_database: Address) -> None:
    async with opened(kind, empty_database) as database:
        async with database.tenant(kind.mine) as session:
            session.add(kind.depositor(email="m@example.com"))
        found = await database.find_tenant(kind.depositor, email="m@example.com")
        assert found is not None
        assert found.tenant == kind.mine
        async with database.admin(reason="test") as everybody:
            assert len(list(await everybody.scalars(select(kind.box)))) == 2
            everybody.add(kind.box(tenant_id=kind.theirs, content="from outside"))


@pytest.mark.parametrize("value", ["globex", "acme|1|k1|x", "globex|9999999999|k1|" + "0" * 64])
async def test_injected_sql_cannot_name_another_tenant(value: str, empty_database: Address) -> None:
    """Rebinding inside the application's own statement is refused, and loudly; its own tenant is all it can name."""
    async with opened(TEXT, empty_database), login(empty_database) as connection:
        connection.preamble = SIGNER.statement(SETTING, "acme")
        async with connection.transaction():
            assert await connection.fetchval(INJECTED, SIGNER.value("acme")) == "of acme"
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="context is refused"):
            async with connection.transaction():
                await connection.fetch(INJECTED, value)


async def test_without_signatures_injected_sql_names_any_tenant(empty_database: Address) -> None:
    """The limit that signing is for, and the proof that the injection above does what it says."""
    await UNSIGNED.build(empty_database, None)
    settings = signed_schema.settings_for(empty_database)
    async with signed_schema.open_database(UNSIGNED, settings) as database:
        for tenant in ("acme", "globex"):
            async with database.tenant(tenant) as session:
                session.add(UNSIGNED.box(content=f"of {tenant}"))
    async with login(empty_database) as connection:
        connection.preamble = f"SET LOCAL {SETTING} = 'acme'"
        async with connection.transaction():
            assert await connection.fetchval(INJECTED, "globex") == "of globex"


def forgeries() -> dict[str, str]:
    value = SIGNER.value("globex")
    tenant, expiry, key, code = value.split("|")
    stranger = Signer(SigningRing.generate()).value("globex")
    return {
        "another tenant": value.replace("globex", "acme"),
        "another tenant in front": f"acme|{value}",
        "a tenant that ends elsewhere": f"glob|ex|{expiry}|{key}|{code}",
        "a later expiry": f"{tenant}|{int(expiry) + 1}|{key}|{code}",
        "an expiry that is none": f"{tenant}|infinity|{key}|{code}",
        "another key": f"{tenant}|{expiry}|k2|{code}",
        "no key": f"{tenant}|{expiry}||{code}",
        "a stranger's key": stranger,
        "no code": f"{tenant}|{expiry}|{key}|",
        "a short code": value[:-1],
        "a long code": f"{value}0",
        "a code in capitals": f"{tenant}|{expiry}|{key}|{code.upper()}",
        "a space behind": f"{value} ",
        "a space in front": f" {value}",
        "only separators": "|||",
        "one separator": "|",
        "a space": " ",
        "very long": "x" * 100_000,
        "quoted": "'; DROP TABLE boxes; --",
        "a percent sign": "%s %I |",
    }


@pytest.mark.parametrize("name", forgeries())
async def test_what_was_not_signed_is_refused(name: str, empty_database: Address) -> None:
    """For reading and for writing, with one SQLSTATE; the value itself is not repeated."""
    value = forgeries()[name]
    async with opened(TEXT, empty_database), login(empty_database) as connection:
        assert await read_with(connection, SIGNER.value("globex")) == ["of globex"]
        for statement in ("SELECT * FROM boxes", "INSERT INTO boxes (content) VALUES ('x')", "DELETE FROM boxes"):
            with pytest.raises(asyncpg.PostgresError) as refused:
                async with connection.transaction():
                    await connection.execute("SELECT set_config($1, $2, true)", SETTING, value)
                    await connection.execute(statement)
            # What fills the column is not verified: an INSERT may meet NOT NULL or the column's length first.
            assert refused.value.sqlstate in ({REFUSED, "22001", "23502"} if "INSERT" in statement else {REFUSED})
            assert len(value) == 1 or value not in f"{refused.value} {refused.value.detail}"
        assert await read_with(connection, SIGNER.value("acme")) == ["of acme"]


async def test_a_value_ends_with_its_expiry_and_not_within_a_transaction(empty_database: Address) -> None:
    """A transaction keeps its tenant however long it lasts; none begins with a value that has expired."""
    async with opened(TEXT, empty_database), login(empty_database) as connection:
        value = SIGNER.value("acme", lifetime=1)
        async with connection.transaction():
            await connection.execute("SELECT set_config($1, $2, true)", SETTING, value)
            await connection.execute("SELECT pg_sleep(2.1)")
            assert len(await connection.fetch("SELECT * FROM boxes")) == 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
            await read_with(connection, value)
        assert refused.value.detail is not None
        assert "expired" in refused.value.detail


async def test_nobody_but_the_accessor_reads_the_keys(empty_database: Address) -> None:
    """Not the application and not the admin; and not with a privilege that somebody granted by mistake."""
    await TEXT.build(empty_database)
    for role in (signed_schema.ROLES.application, signed_schema.ROLES.admin):
        async with login(empty_database, role) as connection:
            for statement in ("TABLE tenant_context_keys", "DELETE FROM tenant_context_keys"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
    async with login(empty_database, empty_database.user) as superuser:
        await superuser.execute(f"GRANT ALL ON tenant_context_keys TO {signed_schema.ROLES.application}")
    async with login(empty_database) as connection:
        assert await connection.fetch("TABLE tenant_context_keys") == []
        assert await connection.execute("DELETE FROM tenant_context_keys") == "DELETE 0"


async def test_the_accessor_cannot_be_led_to_other_keys_or_functions(
    empty_database: Address, administrator: Administrator
) -> None:
    """What an attacker makes, where it may, is a temporary table and functions of its own; the path is pinned."""
    async with opened(TEXT, empty_database), login(empty_database) as connection:
        administrator.execute(f"GRANT TEMPORARY ON DATABASE {identifier(empty_database.database)} TO PUBLIC")
        ring = SigningRing.generate("mine")
        await connection.execute(
            "CREATE TEMPORARY TABLE tenant_context_keys (id text, inner_block bytea, outer_block bytea)"
        )
        await connection.execute("INSERT INTO tenant_context_keys VALUES ($1, $2, $3)", "mine", *ring.blocks("mine"))
        await connection.execute(
            "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$"
        )
        # A domain's CHECK would run as the accessor's owner, if the accessor took its types from here.
        await connection.execute(
            "CREATE FUNCTION pg_temp.leak() RETURNS boolean LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'led astray'; END $$"
        )
        await connection.execute("CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.leak())")
        await connection.execute("SET search_path = pg_temp, public")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="refused"):
            await read_with(connection, Signer(ring).value("globex"))
        assert await read_with(connection, SIGNER.value("acme")) == ["of acme"]


READ_ACTIVITY = """
SELECT string_agg(query || ' ' || pg_stat_get_backend_activity(id), ' ')
FROM pg_stat_get_backend_idset() AS id JOIN pg_stat_activity ON pid = pg_stat_get_backend_pid(id)
WHERE application_name = 'attacker' AND pid <> pg_backend_pid()
"""


@pytest.mark.parametrize("is_recorded", [False, True])
async def test_another_session_s_value_cannot_be_seen(is_recorded: bool, empty_database: Address) -> None:  # noqa: FBT001
    """A value is good for whoever holds it, and `pg_stat_activity` shows a role the statements of its other sessions.

    The victim's transaction stands right after its BEGIN, when that message is what the view shows.
    """
    async with opened(TEXT, empty_database), login(empty_database) as victim, login(empty_database) as attacker:
        signer = dataclasses.replace(await SIGNER.fit(victim, SETTING), is_recorded=is_recorded)
        victim.preamble = signer.statement(SETTING, "globex")
        async with victim.transaction():
            seen = await attacker.fetchval(READ_ACTIVITY)
            assert "BEGIN" in seen
            assert "globex" not in seen
            assert "|" not in seen
            assert [row["content"] for row in await victim.fetch("SELECT content FROM boxes")] == ["of globex"]
        # What stands in its session is gone as well: no setting, and no statement under the name.
        assert await victim.fetchval(f"SELECT current_setting('{SETTING}', true)") == ""
        assert await victim.fetch("SELECT * FROM pg_prepared_statements WHERE name LIKE 'tenantry%'") == []


async def test_a_value_that_is_not_hidden_is_stolen_and_replayed(empty_database: Address) -> None:
    """Why it is hidden: the mutant without the spaces in front gives another session the victim's rows."""
    async with opened(TEXT, empty_database), login(empty_database) as victim, login(empty_database) as attacker:
        victim.preamble = dataclasses.replace(SIGNER, shown=0).statement(SETTING, "globex")
        async with victim.transaction():
            seen: str = await attacker.fetchval(READ_ACTIVITY)
        value = seen.partition("'")[2].partition("'")[0]
        assert await read_with(attacker, value) == ["of globex"]


async def test_the_signer_hides_as_much_as_the_server_shows(empty_database: Address) -> None:
    await TEXT.build(empty_database)
    async with login(empty_database) as connection:
        shown = await connection.fetchval("SELECT pg_size_bytes(current_setting('track_activity_query_size'))")
        recording = await connection.fetchval("SELECT current_setting('pg_stat_statements.max', true) IS NOT NULL")
        fitting = await SIGNER.fit(connection, SETTING)
    assert (fitting.shown, fitting.is_recorded) == (shown, recording)


async def test_a_key_that_the_database_does_not_know_is_told_at_the_start(empty_database: Address) -> None:
    await TEXT.build(empty_database)
    other = signed_schema.settings_for(empty_database, SigningRing.generate("other"))
    with pytest.raises(errors.ContextRefused, match="key 'other' signed") as refused:
        async with signed_schema.open_database(TEXT, other):
            pass
    assert "context push" in refused.value.remedy


async def test_no_key_is_told_at_the_start(empty_database: Address) -> None:
    with pytest.raises(errors.ConfigurationError) as refused:
        signed_schema.open_database(TEXT, signed_schema.settings_for(empty_database, context_keys=None))
    assert refused.value.variable == "SIGNED_SCHEMA_CONTEXT_KEYS"


async def test_readiness_objects_when_the_key_was_retired(empty_database: Address) -> None:
    async with opened(TEXT, empty_database) as database:
        assert (await database.probe.check()).objection is None
        async with login(empty_database, empty_database.user) as superuser:
            await superuser.execute("DELETE FROM tenant_context_keys")
        result = await database.probe.check()
        assert result.ok
        assert result.objection is not None
        assert "k1" in result.objection


async def test_a_schema_without_the_accessor_opens_and_gives_no_row(empty_database: Address) -> None:
    """A release that signs before its migration ran: nothing to try at the start, and nothing to see."""
    await UNSIGNED.build(empty_database, None)
    async with signed_schema.open_database(TEXT, signed_schema.settings_for(empty_database)) as database:
        async with database.tenant("acme") as session:
            assert await contents(session) == []
        assert (await database.probe.check()).objection is None


async def test_a_whole_rotation_under_traffic_fails_nobody(empty_database: Address, tmp_path: Path) -> None:
    """The new key is made known, processes change over one by one, the old key is retired; work goes on all along."""
    service = signed_schema.service_of(TEXT, tmp_path)
    settings = signed_schema.settings_for(empty_database)
    done: dict[str, int] = {}

    async def work(database: Database, name: str, until: asyncio.Event) -> None:
        while not until.is_set():
            async with database.tenant("acme") as session:
                await session.execute(insert(TEXT.box).values(content=name))
                assert all("globex" not in found for found in await contents(session))
            done[name] = done.get(name, 0) + 1

    @asynccontextmanager
    async def process(name: str, ring: SigningRing) -> AsyncIterator[None]:
        """A process of the application, at work while the block runs."""
        until = asyncio.Event()
        async with signed_schema.open_database(TEXT, signed_schema.settings_for(empty_database, ring)) as database:
            working = [asyncio.create_task(work(database, name, until)) for _ in range(3)]
            try:
                yield
                await asyncio.sleep(0.2)
            finally:
                until.set()
                # Whatever failed in one of them fails the test here.
                await asyncio.gather(*working)

    async with opened(TEXT, empty_database):
        pass
    async with process("new beside old", KEYS):
        rotation = await rotate_context(Deployment(service, settings), "k2")
        assert (rotation.key, rotation.variable) == ("k2", "SIGNED_SCHEMA_CONTEXT_KEYS")
        rotated = SigningRing.parse(rotation.value.get_secret_value())
        assert rotated.ids == ("k2", "k1")
        async with process("first of the new", rotated):
            pass
    async with process("only new", rotated):
        await retire_context_key(Deployment(service, signed_schema.settings_for(empty_database, rotated)), "k1")
    assert set(done) == {"new beside old", "first of the new", "only new"}
    with pytest.raises(errors.ContextRefused):
        async with signed_schema.open_database(TEXT, settings):
            pass
    keys = await list_context_keys(Deployment(service, signed_schema.settings_for(empty_database, rotated)))
    assert [(key.id, key.is_known, key.is_current) for key in keys] == [("k2", True, True), ("k1", False, False)]


async def test_the_key_that_signs_is_not_retired(empty_database: Address, tmp_path: Path) -> None:
    service, settings = signed_schema.service_of(TEXT, tmp_path), signed_schema.settings_for(empty_database)
    await TEXT.build(empty_database)
    with pytest.raises(errors.ConfigurationError, match="Key 'k1' cannot be removed"):
        await retire_context_key(Deployment(service, settings), "k1")
    with pytest.raises(errors.ConfigurationError, match="no key with the id 'k9'"):
        await retire_context_key(Deployment(service, settings), "k9")


async def test_pushing_adds_and_never_replaces(empty_database: Address, tmp_path: Path) -> None:
    service = signed_schema.service_of(TEXT, tmp_path)
    await TEXT.build(empty_database, None)
    assert await push_context_keys(Deployment(service, signed_schema.settings_for(empty_database))) == ("k1",)
    assert await push_context_keys(Deployment(service, signed_schema.settings_for(empty_database))) == ()
    another = signed_schema.settings_for(empty_database, SigningRing.generate("k1"))
    with pytest.raises(errors.ConfigurationError, match="another key with the id 'k1'"):
        await push_context_keys(Deployment(service, another))
    with pytest.raises(errors.ConfigurationError, match="already has a key with the id 'k1'"):
        await rotate_context(Deployment(service, signed_schema.settings_for(empty_database)), "k1")


async def test_a_service_that_does_not_sign_has_no_keys(empty_database: Address, tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="does not sign"):
        await push_context_keys(
            Deployment(signed_schema.service_of(UNSIGNED, tmp_path), signed_schema.settings_for(empty_database))
        )
