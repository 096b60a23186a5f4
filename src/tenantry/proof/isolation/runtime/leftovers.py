"""Attacks by what SQL leaves in the session of a pooled connection: the victim's unit of work comes next on it.

Each attack is whole statements in the attacker's own unit of work. None of this ends with the transaction by itself.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry import sql
from tenantry.proof.isolation.runtime.arena import Arena, Leak, readable, roll_call
from tenantry.proof.isolation.runtime.trial import runtime_attack
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped

__all__: list[str] = []

LOOT = "tenantry.loot"

PREPARED = """
SELECT name, parameter_types::text[] AS types FROM pg_catalog.pg_prepared_statements
WHERE NOT from_sql AND statement ~* '^\\s*SELECT'
"""

# What is set for the session, one value after the other.
SETTINGS = (
    "SET search_path = pg_catalog",
    "SET row_security = off",
    # Long enough for the attacker's own COMMIT.
    "SET statement_timeout = 250",
    "SET default_transaction_read_only = on",
    "SET client_encoding = 'LATIN1'",
    "SET ROLE NONE",
)

IN_FORCE = "SELECT name, setting FROM pg_catalog.pg_settings WHERE source = 'session'"

# What else stays in a session: how it is made, and how many of it there are.
OBJECTS = {
    "a cursor WITH HOLD": (
        "DECLARE tenantry_held CURSOR WITH HOLD FOR {query}",
        "SELECT count(*) FROM pg_catalog.pg_cursors WHERE is_holdable",
    ),
    "LISTEN": ("LISTEN tenantry_proof", "SELECT count(*) FROM pg_catalog.pg_listening_channels()"),
    "an advisory lock": (
        "SELECT pg_advisory_lock(7365420119)",
        "SELECT count(*) FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()",
    ),
    "a prepared statement": (
        "PREPARE tenantry_left AS SELECT 1",
        "SELECT count(*) FROM pg_catalog.pg_prepared_statements WHERE from_sql",
    ),
    "a temporary table": (
        "CREATE TEMPORARY TABLE tenantry_left ()",
        "SELECT count(*) FROM pg_catalog.pg_class WHERE relnamespace = pg_my_temp_schema()",
    ),
}


async def _run(session: AsyncSession, statement: str) -> Any:
    return await (await session.connection()).exec_driver_sql(statement)


async def _attack(arena: Arena, statement: str) -> None:
    """Run a statement in a unit of work of the attacker."""
    async with arena.database.tenant(arena.attacker) as session:
        await _run(session, statement)


async def _in_force(arena: Arena) -> set[tuple[str, str]]:
    """Return what is set in a unit of work of the victim, without the binding, which may be signed anew."""
    async with arena.database.tenant(arena.victim) as session:
        rows = (await _run(session, IN_FORCE)).all()
    return {(name, value) for name, value in rows if name != arena.tenancy.setting}


@runtime_attack("pool", "replace the driver's prepared statements by others that keep the victim's binding")
async def pool_statements_replaced(arena: Arena) -> Verdict:
    """DEALLOCATE and PREPARE under the driver's own names; neither is transactional, and the driver keeps its names."""
    for tenant in (arena.victim, arena.attacker):
        await arena.check_tenant(tenant, "before its statements are replaced")
    setting = sql.literal(arena.tenancy.setting)
    take = f"SELECT 0, set_config('{LOOT}', current_setting({setting}), false)"
    async with arena.database.tenant(arena.attacker) as session:
        prepared = (await _run(session, PREPARED)).all()
        for name, types in prepared:
            parameters = f"({', '.join(types)})" if types else ""
            await _run(session, f"DEALLOCATE {sql.identifier(name)}")
            await _run(session, f"PREPARE {sql.identifier(name)} {parameters} AS {take}")
    await arena.check_tenant(arena.victim, "after its statements were replaced")
    async with arena.database.tenant(arena.attacker) as session:
        taken = (await _run(session, f"SELECT current_setting('{LOOT}', true)")).scalar_one()
    if taken:
        raise Leak("a replaced statement kept the victim's binding for the attacker")
    return blocked(f"{len(prepared)} statements were replaced, and none was executed")


@runtime_attack("pool", "deallocate the statements that the victim is about to execute")
async def pool_statements_deallocated(arena: Arena) -> Verdict:
    """DEALLOCATE ALL; the driver must not find out when the victim's statement fails."""
    await arena.check_tenant(arena.victim, "before its statements are deallocated")
    await _attack(arena, "DEALLOCATE ALL")
    await arena.check_tenant(arena.victim, "after its statements were deallocated")
    return blocked()


@runtime_attack("pool", "leave settings behind that change what the victim's statements mean")
async def pool_session_settings(arena: Arena) -> Verdict:
    """search_path, row_security, timeouts, read-only transactions, encoding, role: each set for the session."""
    before = await _in_force(arena)
    for setting in SETTINGS:
        await _attack(arena, setting)
        left = await _in_force(arena) - before
        if left:
            raise Leak(f"after {setting}, the victim's session had {', '.join(sorted(name for name, _ in left))} set")
        await _attack(arena, setting)
        await arena.check(f"after {setting}")
    return blocked(f"{len(SETTINGS)} settings")


@runtime_attack("pool", "leave cursors, locks, listeners, statements and temporary tables behind")
async def pool_session_objects(arena: Arena) -> Verdict:
    """Whatever the session can hold beyond a transaction, and the victim's next unit of work must not find."""
    query = roll_call(readable(arena.ground))
    made: list[str] = []
    for kind, (statement, count) in OBJECTS.items():
        try:
            await _attack(arena, statement.format(query=query))
        except DBAPIError:
            continue  # The service may have taken the right away, as TEMPORARY.
        made.append(kind)
        async with arena.database.tenant(arena.victim) as session:
            if (await _run(session, count)).scalar_one():
                raise Leak(f"the victim's connection still had {kind} of the attacker")
        await arena.check(f"after {kind}")
    return blocked(", ".join(made)) if made else skipped("the application may leave none of them")
