"""Attacks on the pool: the attacker's unit of work ends in every possible way, and the next one gets its connection."""

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
from tenantry.proof.isolation.runtime.mapped import MappedTable, mapped_tables, own_row
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, driver_of, readable
from tenantry.proof.isolation.verdict import Verdict, blocked, limit, skipped
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []

# More executions than those after which PostgreSQL may use a generic plan.
ALTERNATIONS = 8

Ending = Callable[[TenantSession], Awaitable[object]]


async def _end(toolkit: AttackedToolkit, ending: Ending, where: str) -> Verdict:
    """End a unit of work of the attacker by `ending`, and check what it left behind."""
    process = 0
    with contextlib.suppress(SQLAlchemyError, errors.TenantryError, asyncpg.PostgresError, TimeoutError):
        async with toolkit.database.tenant(toolkit.attacker) as session:
            await toolkit.check_bound(session, toolkit.attacker, f"before {where}")
            process = (await driver_of(await session.connection())).get_server_pid()
            await ending(session)
    same = await toolkit.check(f"after {where}") == process
    return blocked("the same connection was used again" if same else "the connection was replaced")


async def _execute(session: TenantSession, statement: str) -> None:
    await (await session.connection()).exec_driver_sql(statement)


@runtime_attack("pool", "find the tenant on a connection whose transaction was committed")
async def pool_after_commit(toolkit: AttackedToolkit) -> Verdict:
    """End with COMMIT, as every unit of work does."""
    return await _end(toolkit, lambda _session: asyncio.sleep(0), "a commit")


@runtime_attack("pool", "find the tenant on a connection whose transaction was rolled back")
async def pool_after_rollback(toolkit: AttackedToolkit) -> Verdict:
    """End with ROLLBACK."""
    return await _end(toolkit, TenantSession.rollback, "a rollback")


@runtime_attack("pool", "find the tenant on a connection after a statement that a constraint refused")
async def pool_after_error(toolkit: AttackedToolkit) -> Verdict:
    """End with a violated constraint, and with another error."""
    for mapped in mapped_tables(toolkit.attacked):

        async def repeat(session: TenantSession, mapped: MappedTable = mapped) -> None:
            await session.execute(insert(mapped.table).values(await own_row(mapped, session)))

        await _end(toolkit, repeat, f"a duplicate row of {mapped.name}")
    return await _end(toolkit, lambda session: _execute(session, "SELECT 1/0"), "an error")


@runtime_attack("pool", "find the tenant on a connection after the server cancelled a statement")
async def pool_after_timeout(toolkit: AttackedToolkit) -> Verdict:
    """End with a statement timeout."""

    async def wait(session: TenantSession) -> None:
        await _execute(session, "SET LOCAL statement_timeout = '5ms'")
        await _execute(session, "SELECT pg_sleep(5)")

    return await _end(toolkit, wait, "a statement timeout")


@runtime_attack("pool", "find the tenant on a connection after the client gave up waiting")
async def pool_after_deadline(toolkit: AttackedToolkit) -> Verdict:
    """End with a deadline of the client, while a statement runs."""

    async def wait(session: TenantSession) -> None:
        async with asyncio.timeout(0.02):
            await _execute(session, "SELECT pg_sleep(5)")

    return await _end(toolkit, wait, "a client's deadline")


@runtime_attack("pool", "find the tenant after the connection was terminated in its unit of work")
async def pool_after_death(toolkit: AttackedToolkit) -> Verdict:
    """Another connection of the same login terminates the server's process."""
    refusals: list[str] = []

    async def kill(session: TenantSession) -> None:
        process = (await driver_of(await session.connection())).get_server_pid()
        killer = await toolkit.attacked.connect()
        try:
            await killer.execute(f"SELECT pg_terminate_backend({process:d})")
        except asyncpg.InsufficientPrivilegeError as error:
            refusals.append(str(error))
            raise
        finally:
            await killer.close()
        for _ in range(ALTERNATIONS):
            await toolkit.check_bound(session, toolkit.attacker, "while its connection is terminated")

    with contextlib.suppress(Leak):
        # `check_bound` reports the error of the terminated connection as missing rows. Only the next check counts.
        await _end(toolkit, kill, "the end of its connection")
    await toolkit.check("after the end of its connection")
    return skipped(f"the application may not terminate its own connections: {refusals[0]}") if refusals else blocked()


@runtime_attack("pool", "find the tenant, or a transaction that may not write, after a read-only unit of work")
async def pool_after_read_only(toolkit: AttackedToolkit) -> Verdict:
    """End a read-only unit of work, whose engine shares the pool."""
    async with toolkit.database.tenant(toolkit.attacker, read_only=True) as session:
        await toolkit.check_bound(session, toolkit.attacker, "read-only")
    await toolkit.check("after a read-only unit of work")
    return blocked()


@runtime_attack("pool", "find the tenant on a connection that was returned with its transaction open")
async def pool_after_abandonment(toolkit: AttackedToolkit) -> Verdict:
    """Take the DBAPI's connection, bind a tenant in its transaction, and return it without ending that."""

    def abandon() -> None:
        borrowed = toolkit.database.engine.sync_engine.raw_connection()
        try:
            borrowed.cursor().execute(toolkit.attacked.bind_sql(toolkit.attacker))
        finally:
            borrowed.close()

    await greenlet_spawn(abandon)
    await toolkit.check("after an abandoned transaction")
    return blocked()


@runtime_attack("pool", "see another tenant's rows through a statement that was prepared for the first one")
async def pool_prepared_statements(toolkit: AttackedToolkit) -> Verdict:
    """Send the same statements for several tenants over one connection, until it uses a generic plan."""
    processes = set()
    for _ in range(ALTERNATIONS):
        for tenant in (toolkit.attacker, toolkit.victim, toolkit.attacked.bystander):
            async with toolkit.database.tenant(tenant) as session:
                for target in readable(toolkit.attacked):
                    column = target.table.c[target.tenant_column]
                    owners = {str(owner) for owner in await session.scalars(select(column))}
                    if owners - {tenant}:
                        raise Leak(f"a prepared statement showed {tenant} rows of {owners} in {target.name}")
                    if target.rows.get(tenant) and not owners:
                        raise Leak(f"a prepared statement hid from {tenant} its own rows in {target.name}")
                await toolkit.check_bound(session, tenant, "by a prepared statement")
                processes.add((await driver_of(await session.connection())).get_server_pid())
    return blocked(f"{3 * ALTERNATIONS} units of work over {len(processes)} connection")


@runtime_attack("pool", "use a driver's connection kept from its unit of work, while another tenant has it")
async def pool_kept_driver_connection(toolkit: AttackedToolkit) -> Verdict:
    """Keep the `driver_connection` after the end; a pool cannot take it back."""
    kept: list[Connection] = []
    async with toolkit.database.tenant(toolkit.attacker) as session:
        kept.append(await driver_of(await session.connection()))
    async with toolkit.database.tenant(toolkit.victim) as session:
        await session.connection()
        await toolkit.check_bound(session, toolkit.victim, "beside a kept connection")
        if any(owner == toolkit.victim for _, owner in await toolkit.read(kept[0])):
            return limit("a driver's connection that is kept after its unit of work is the connection of the next one")
    return blocked()


@runtime_attack("pool", "leave its tenant behind by a session-level SET in the service's own SQL")
async def pool_session_setting(toolkit: AttackedToolkit) -> Verdict:
    """Bind for the session. Neither the next unit of work nor a bare connection may find it."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        await _execute(session, toolkit.attacked.bind_sql(toolkit.attacker).replace("SET LOCAL", "SET", 1))
    await toolkit.check_tenant(toolkit.victim, "after a session-level SET")
    async with toolkit.database.tenant(toolkit.attacker) as session:
        await _execute(session, toolkit.attacked.bind_sql(toolkit.attacker).replace("SET LOCAL", "SET", 1))
    await toolkit.check_clean("after a session-level SET")
    return blocked()
