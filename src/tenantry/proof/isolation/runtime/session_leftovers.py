"""Attacks with what SQL leaves behind in the session of a pooled connection, which the victim uses next.

Each attack sends complete statements in the attacker's own unit of work. What they leave does not end with the
transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry import sql
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, owners_query, readable
from tenantry.proof.isolation.verdict import Verdict, blocked, skipped

__all__: list[str] = []

TAKEN = "tenantry.taken"

PREPARED = """
SELECT name, parameter_types::text[] AS types FROM pg_catalog.pg_prepared_statements
WHERE NOT from_sql AND statement ~* '^\\s*SELECT'
"""

# Settings of the session, tried one after the other.
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

# Objects that stay in a session: the statement that makes one, and a query that counts them.
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


async def _attack(toolkit: AttackedToolkit, statement: str) -> None:
    """Run a statement in a unit of work of the attacker."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        await _run(session, statement)


async def _in_force(toolkit: AttackedToolkit) -> set[tuple[str, str]]:
    """Return what is set in a unit of work of the victim, without the binding, which may be signed again."""
    async with toolkit.database.tenant(toolkit.victim) as session:
        rows = (await _run(session, IN_FORCE)).all()
    return {(name, value) for name, value in rows if name != toolkit.tenancy.setting}


@runtime_attack("pool", "replace the driver's prepared statements by others that keep the victim's binding")
async def pool_statements_replaced(toolkit: AttackedToolkit) -> Verdict:
    """DEALLOCATE and PREPARE with the driver's names. Neither is transactional, and the driver keeps its names."""
    for tenant in (toolkit.victim, toolkit.attacker):
        await toolkit.check_tenant(tenant, "before its statements are replaced")
    setting = sql.literal(toolkit.tenancy.setting)
    take = f"SELECT 0, set_config('{TAKEN}', current_setting({setting}), false)"
    async with toolkit.database.tenant(toolkit.attacker) as session:
        prepared = (await _run(session, PREPARED)).all()
        for name, types in prepared:
            parameters = f"({', '.join(types)})" if types else ""
            await _run(session, f"DEALLOCATE {sql.identifier(name)}")
            await _run(session, f"PREPARE {sql.identifier(name)} {parameters} AS {take}")
    await toolkit.check_tenant(toolkit.victim, "after its statements were replaced")
    async with toolkit.database.tenant(toolkit.attacker) as session:
        taken = (await _run(session, f"SELECT current_setting('{TAKEN}', true)")).scalar_one()
    if taken:
        raise Leak("a replaced statement kept the victim's binding for the attacker")
    return blocked(f"{len(prepared)} statements were replaced, and not executed")


@runtime_attack("pool", "deallocate the statements that the victim is about to execute")
async def pool_statements_deallocated(toolkit: AttackedToolkit) -> Verdict:
    """DEALLOCATE ALL. The victim's next statement must not fail."""
    await toolkit.check_tenant(toolkit.victim, "before its statements are deallocated")
    await _attack(toolkit, "DEALLOCATE ALL")
    await toolkit.check_tenant(toolkit.victim, "after its statements were deallocated")
    return blocked()


@runtime_attack("pool", "leave settings behind that change the meaning of the victim's statements")
async def pool_session_settings(toolkit: AttackedToolkit) -> Verdict:
    """search_path, row_security, timeouts, read-only transactions, encoding and role, each set for the session."""
    before = await _in_force(toolkit)
    for setting in SETTINGS:
        await _attack(toolkit, setting)
        left = await _in_force(toolkit) - before
        if left:
            raise Leak(f"after {setting}, the victim's session had {', '.join(sorted(name for name, _ in left))} set")
        await _attack(toolkit, setting)
        await toolkit.check(f"after {setting}")
    return blocked(f"{len(SETTINGS)} settings")


@runtime_attack("pool", "leave cursors, locks, listeners, statements and temporary tables behind")
async def pool_session_objects(toolkit: AttackedToolkit) -> Verdict:
    """What a session keeps after a transaction. The victim's next unit of work must not find it."""
    query = owners_query(readable(toolkit.attacked))
    made: list[str] = []
    for kind, (statement, count) in OBJECTS.items():
        try:
            await _attack(toolkit, statement.format(query=query))
        except DBAPIError:
            continue  # The service may have revoked the privilege, for example TEMPORARY.
        made.append(kind)
        async with toolkit.database.tenant(toolkit.victim) as session:
            if (await _run(session, count)).scalar_one():
                raise Leak(f"the victim's connection still had {kind} of the attacker")
        await toolkit.check(f"after {kind}")
    return blocked(", ".join(made)) if made else skipped("the application has no privilege to leave one")
