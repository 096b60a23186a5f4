"""What SQL of one unit of work leaves in the session does not reach the next tenant on the same connection.

The attacker runs whole statements as the application, in its own unit of work. The pool has one connection, so that
the victim is given the same one. It must get its rows, without an error, and leave nothing behind for the attacker.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import signed_schema
from signed_schema import SIGNED_SCHEMAS, UNSIGNED, SignedSchema
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tenantry import Address, Database, TenantSession
from tenantry.postgres.connection import Connection
from tenantry.sql import identifier
from tenantry.testing.administrator import Administrator

SETTING = "app.current_tenant_id"
KINDS = {"plain": UNSIGNED, "signed": SIGNED_SCHEMAS["text"]}
ATTACKER, VICTIM = "acme", "globex"


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> SignedSchema:
    return KINDS[request.param]


@pytest.fixture
async def database(kind: SignedSchema, empty_database: Address) -> AsyncIterator[Database]:
    """One connection, over which both tenants worked already: their statements are prepared."""
    await kind.build(empty_database, None if kind is UNSIGNED else signed_schema.KEYS)
    settings = signed_schema.settings_for(empty_database, database_pool_size=1, database_max_overflow=0)
    async with signed_schema.open_database(kind, settings) as opened:
        for tenant in (ATTACKER, VICTIM):
            async with opened.tenant(tenant) as session:
                session.add(kind.box(content=f"of {tenant}"))
        for tenant in (ATTACKER, VICTIM):
            assert await contents(opened, kind, tenant) == [f"of {tenant}"]
        yield opened


async def contents(database: Database, kind: SignedSchema, tenant: str) -> list[str]:
    """Return what an ordinary unit of work reads; its statement is the same each time."""
    async with database.tenant(tenant) as session:
        return list(await session.scalars(select(kind.box.content)))


async def driver_of(session: TenantSession) -> Connection:
    connection = (await (await session.connection()).get_raw_connection()).driver_connection
    assert isinstance(connection, Connection)
    return connection


async def attack(database: Database, *statements: str) -> int:
    """Run whole statements as the attacker; return the server's process."""
    async with database.tenant(ATTACKER) as session:
        for statement in statements:
            await session.execute(text(statement.replace(":", "\\:")))
        process: int = (await driver_of(session)).get_server_pid()
    return process


@asynccontextmanager
async def without_cleaning(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The mutant: nothing is cleaned."""
    with monkeypatch.context() as patch:
        patch.setattr(Connection, "_cleaning", lambda _: "")
        yield


async def prepared(database: Database) -> list[tuple[str, str]]:
    """Return the names and texts of the driver's statements that read boxes, as SQL of the attacker sees them."""
    async with database.tenant(ATTACKER) as session:
        rows = await session.execute(
            text("SELECT name, statement FROM pg_prepared_statements WHERE statement LIKE 'SELECT boxes%'")
        )
        return [(row.name, row.statement) for row in rows]


async def replace_statements(database: Database) -> None:
    """Replace each statement that reads boxes by one that also keeps the binding and the rows for the session."""
    statements = await prepared(database)
    assert statements
    for name, statement in statements:
        loot = f"set_config('x.loot', current_setting('{SETTING}') || ' ' || content, false) <> ''"
        joined = f"{statement} {'AND' if 'WHERE' in statement else 'WHERE'} {loot}"
        types = "(varchar)" if "$1" in statement else ""
        await attack(database, f'DEALLOCATE "{name}"', f'PREPARE "{name}" {types} AS {joined}')


async def loot(database: Database) -> str | None:
    async with database.tenant(ATTACKER) as session:
        found: str | None = (await session.execute(text("SELECT current_setting('x.loot', true)"))).scalar_one()
        return found


async def test_a_replaced_statement_is_never_executed(database: Database, kind: SignedSchema) -> None:
    await replace_statements(database)
    assert await contents(database, kind, VICTIM) == [f"of {VICTIM}"]
    assert await loot(database) in {None, ""}


async def test_the_attack_works_without_the_cleaning(
    database: Database, kind: SignedSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutant of the test above: what was looted serves to read as the victim."""
    async with without_cleaning(monkeypatch):
        await replace_statements(database)
        assert await contents(database, kind, VICTIM) == [f"of {VICTIM}"]
        found = await loot(database)
        assert found is not None
        value, content = found.split(" ", 1)
        assert value.split("|")[0] == VICTIM
        assert content == f"of {VICTIM}"
        async with database.tenant(ATTACKER) as session:
            await session.execute(select(func.set_config(SETTING, value, True)))
            assert list(await session.scalars(text("SELECT content FROM boxes"))) == [f"of {VICTIM}"]


# What is left behind, how it is seen in the session, and what is seen there if all is well.
LEFT: dict[str, tuple[str, str, set[Any]]] = {
    "a setting of its own": ("SET x.loot = 'kept'", "SELECT current_setting('x.loot', true)", {None, ""}),
    "search_path": ("SET search_path = pg_catalog", "SHOW search_path", {'"$user", public'}),
    "search_path by set_config": (
        "SELECT set_config('search_path', 'pg_catalog', false)",
        "SHOW search_path",
        {'"$user", public'},
    ),
    "row_security": ("SET row_security = off", "SHOW row_security", {"on"}),
    "statement_timeout": ("SET statement_timeout = 250", "SHOW statement_timeout", {"30s"}),
    "transactions that only read": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SHOW transaction_read_only",
        {"off"},
    ),
    "serializable transactions": (
        "SET default_transaction_isolation = 'serializable'",
        "SHOW transaction_isolation",
        {"read committed"},
    ),
    "backslashes in strings": (
        "SET standard_conforming_strings = off",
        "SHOW standard_conforming_strings",
        {"on"},
    ),
    "encoding": ("SET client_encoding = 'LATIN1'", "SHOW client_encoding", {"UTF8"}),
    "encoding that the driver does not know": ("SET client_encoding = 'EUC_TW'", "SELECT 1", {1}),
    "role": ("SET ROLE NONE", "SELECT current_user::text", {signed_schema.ROLES.application}),
    "the tenant": (f"SELECT set_config('{SETTING}', 'acme', false)", "SELECT 1", {1}),
    "a deallocated statement": ("DEALLOCATE ALL", "SELECT 1", {1}),
    "a prepared statement": (
        "PREPARE mine AS SELECT 1",
        "SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql",
        {0},
    ),
    "a held cursor": (
        "DECLARE kept CURSOR WITH HOLD FOR SELECT content FROM boxes",
        "SELECT count(*)::int FROM pg_cursors WHERE is_holdable",
        {0},
    ),
    "LISTEN": ("LISTEN gossip", "SELECT count(*)::int FROM pg_listening_channels()", {0}),
    "an advisory lock": (
        "SELECT pg_advisory_lock(4711)",
        "SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
        {0},
    ),
    "a temporary table": (
        "CREATE TEMPORARY TABLE boxes AS TABLE public.boxes WITH NO DATA",
        "SELECT count(*)::int FROM pg_class WHERE relnamespace = pg_my_temp_schema() AND relname = 'boxes'",
        {0},
    ),
}


@pytest.mark.parametrize("left", LEFT)
@pytest.mark.parametrize("mutant", [False, True])
async def test_the_next_tenant_does_not_meet_what_was_left(
    database: Database,
    kind: SignedSchema,
    administrator: Administrator,
    empty_database: Address,
    monkeypatch: pytest.MonkeyPatch,
    left: str,
    mutant: bool,  # noqa: FBT001
) -> None:
    """It reads its rows, writes one, and finds the session as it should be. The mutant cleans nothing."""
    statement, sight, clean = LEFT[left]
    if left == "a temporary table":
        granted = (
            f"GRANT TEMPORARY ON DATABASE {identifier(empty_database.database)} TO {signed_schema.ROLES.application}"
        )
        administrator.execute(granted)
    if mutant:
        monkeypatch.setattr(Connection, "_cleaning", lambda _: "")
        monkeypatch.setattr(Connection, "hand_out", lambda _: True)
    try:
        # The driver fails over an encoding that it does not know, already in the attacker's own unit of work.
        with contextlib.suppress(LookupError, DBAPIError):
            await attack(database, statement)
        seen: Any = await _look(database, kind, sight)
    except Exception as error:
        if not mutant:
            raise
        seen = error
    if mutant and left in HARMLESS:
        return
    assert (seen in clean) is not mutant, seen


# Nothing gets through without the cleaning either: the unit of work binds its own tenant, a login that is its own role
# has none to lay down, and a driver that cannot read the encoding breaks the connection at once.
HARMLESS = {"the tenant", "role", "encoding that the driver does not know"}


async def _look(database: Database, kind: SignedSchema, sight: str) -> Any:
    async with database.tenant(VICTIM) as session:
        seen = (await session.execute(text(sight))).scalar_one()
        assert list(await session.scalars(select(kind.box.content))) == [f"of {VICTIM}"]
        session.add(kind.box(content="another"))
    return seen
