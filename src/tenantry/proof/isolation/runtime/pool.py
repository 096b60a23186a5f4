"""Attacks on the pool: the attacker's unit of work ends in every way there is, and the next one takes what it held."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import asyncpg
from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.util import greenlet_spawn

from tenantry import errors
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.runtime.arena import Arena, Leak, driver_of, readable
from tenantry.proof.isolation.runtime.mapped import Mapped, mapped_targets, own_row
from tenantry.proof.isolation.runtime.trial import runtime_attack
from tenantry.proof.isolation.verdict import Verdict, blocked, limit, skipped
from tenantry.tenancy.session import TenantSession

__all__: list[str] = []

# More than the executions after which PostgreSQL may give a prepared statement a generic plan.
ALTERNATIONS = 8

Ending = Callable[[TenantSession], Awaitable[object]]


async def _end(arena: Arena, ending: Ending, where: str) -> Verdict:
    """Let a unit of work of the attacker end by `ending`, and look at what it left."""
    process = 0
    with contextlib.suppress(SQLAlchemyError, errors.TenantryError, asyncpg.PostgresError, TimeoutError):
        async with arena.database.tenant(arena.attacker) as session:
            await arena.check_bound(session, arena.attacker, f"before {where}")
            process = (await driver_of(await session.connection())).get_server_pid()
            await ending(session)
    same = await arena.check(f"after {where}") == process
    return blocked("the same connection was handed on" if same else "the connection was replaced")


async def _execute(session: TenantSession, statement: str) -> None:
    await (await session.connection()).exec_driver_sql(statement)


@runtime_attack("pool", "find the tenant on a connection whose transaction was committed")
async def pool_after_commit(arena: Arena) -> Verdict:
    """End with COMMIT, as a unit of work does by itself."""
    return await _end(arena, lambda _session: asyncio.sleep(0), "a commit")


@runtime_attack("pool", "find the tenant on a connection whose transaction was rolled back")
async def pool_after_rollback(arena: Arena) -> Verdict:
    """End with ROLLBACK."""
    return await _end(arena, TenantSession.rollback, "a rollback")


@runtime_attack("pool", "find the tenant on a connection after a statement that a constraint refused")
async def pool_after_error(arena: Arena) -> Verdict:
    """End with a violated constraint, in the middle of the transaction."""
    for mapped in mapped_targets(arena.ground):

        async def repeat(session: TenantSession, mapped: Mapped = mapped) -> None:
            await session.execute(insert(mapped.table).values(await own_row(mapped, session)))

        await _end(arena, repeat, f"a row of {mapped.name} that was there already")
    return await _end(arena, lambda session: _execute(session, "SELECT 1/0"), "an error")


@runtime_attack("pool", "find the tenant on a connection after the server cancelled a statement")
async def pool_after_timeout(arena: Arena) -> Verdict:
    """End with a statement timeout."""

    async def wait(session: TenantSession) -> None:
        await _execute(session, "SET LOCAL statement_timeout = '5ms'")
        await _execute(session, "SELECT pg_sleep(5)")

    return await _end(arena, wait, "a statement timeout")


@runtime_attack("pool", "find the tenant on a connection after the client gave up waiting")
async def pool_after_deadline(arena: Arena) -> Verdict:
    """End with a deadline of the client's own, while a statement runs."""

    async def wait(session: TenantSession) -> None:
        async with asyncio.timeout(0.02):
            await _execute(session, "SELECT pg_sleep(5)")

    return await _end(arena, wait, "a client's deadline")


@runtime_attack("pool", "find the tenant after the connection was killed in its unit of work")
async def pool_after_death(arena: Arena) -> Verdict:
    """End with the server's process killed by another connection of the same login."""
    refusals: list[str] = []

    async def kill(session: TenantSession) -> None:
        process = (await driver_of(await session.connection())).get_server_pid()
        killer = await arena.ground.connect()
        try:
            await killer.execute(f"SELECT pg_terminate_backend({process:d})")
        except asyncpg.InsufficientPrivilegeError as error:
            refusals.append(str(error))
            raise
        finally:
            await killer.close()
        for _ in range(ALTERNATIONS):
            await arena.check_bound(session, arena.attacker, "while its connection dies")

    with contextlib.suppress(Leak):
        # What the dying connection answers is an error, which `check_bound` takes for lost rows; what matters is next.
        await _end(arena, kill, "the death of its connection")
    await arena.check("after the death of its connection")
    return skipped(f"the application may not kill its own: {refusals[0]}") if refusals else blocked()


@runtime_attack("pool", "find the tenant, or a transaction that may not write, after a read-only unit of work")
async def pool_after_read_only(arena: Arena) -> Verdict:
    """End a read-only unit of work; the reader's engine shares the pool."""
    async with arena.database.tenant(arena.attacker, read_only=True) as session:
        await arena.check_bound(session, arena.attacker, "read-only")
    await arena.check("after a read-only unit of work")
    return blocked()


@runtime_attack("pool", "find the tenant on a connection that was given back with its transaction open")
async def pool_after_abandonment(arena: Arena) -> Verdict:
    """Take the DBAPI's connection, bind a tenant in its transaction by hand, and give it back without ending that."""

    def abandon() -> None:
        borrowed = arena.database.engine.sync_engine.raw_connection()
        try:
            borrowed.cursor().execute(arena.ground.binding(arena.attacker))
        finally:
            borrowed.close()

    await greenlet_spawn(abandon)
    await arena.check("after an abandoned transaction")
    return blocked()


@runtime_attack("pool", "see another tenant's rows through a statement that was prepared for the first one")
async def pool_prepared_statements(arena: Arena) -> Verdict:
    """Send the same statements for tenant after tenant over one connection, past the switch to a generic plan."""
    processes = set()
    for _ in range(ALTERNATIONS):
        for tenant in (arena.attacker, arena.victim, arena.ground.bystander):
            async with arena.database.tenant(tenant) as session:
                for target in readable(arena.ground):
                    column = target.table.c[target.tenant_column]
                    owners = {str(owner) for owner in await session.scalars(select(column))}
                    if owners - {tenant}:
                        raise Leak(f"a prepared statement showed {tenant} rows of {owners} in {target.name}")
                    if target.rows.get(tenant) and not owners:
                        raise Leak(f"a prepared statement hid from {tenant} its own rows in {target.name}")
                await arena.check_bound(session, tenant, "by a prepared statement")
                processes.add((await driver_of(await session.connection())).get_server_pid())
    return blocked(f"{3 * ALTERNATIONS} units of work over {len(processes)} connection")


@runtime_attack("pool", "use the driver's connection that was kept from a unit of work, when it is another tenant's")
async def pool_kept_driver_connection(arena: Arena) -> Verdict:
    """Keep what `driver_connection` gave, past the end; a pool has no way to take it back."""
    kept: list[Connection] = []
    async with arena.database.tenant(arena.attacker) as session:
        kept.append(await driver_of(await session.connection()))
    async with arena.database.tenant(arena.victim) as session:
        await session.connection()
        await arena.check_bound(session, arena.victim, "beside a kept connection")
        if any(owner == arena.victim for _, owner in await arena.read(kept[0])):
            return limit("the driver's own connection, kept past its unit of work, is the next one's connection")
    return blocked()


@runtime_attack("pool", "leave its tenant behind by a session-level SET in the service's own SQL")
async def pool_session_setting(arena: Arena) -> Verdict:
    """Turn the binding into the session's; neither the next unit of work nor a bare connection may find it."""
    async with arena.database.tenant(arena.attacker) as session:
        await _execute(session, arena.ground.binding(arena.attacker).replace("SET LOCAL", "SET", 1))
    await arena.check_tenant(arena.victim, "after a session-level SET")
    async with arena.database.tenant(arena.attacker) as session:
        await _execute(session, arena.ground.binding(arena.attacker).replace("SET LOCAL", "SET", 1))
    await arena.check_clean("after a session-level SET")
    return blocked()
