"""Attacks on the binding within a session: successive transactions, savepoints, nested units of work."""

from __future__ import annotations

import contextlib

from sqlalchemy.exc import SQLAlchemyError

from tenantry import errors
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak
from tenantry.proof.isolation.verdict import Verdict, blocked
from tenantry.tenancy.context import current_tenant
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []


async def _fail(session: TenantSession) -> None:
    with contextlib.suppress(SQLAlchemyError):
        await (await session.connection()).exec_driver_sql("SELECT 1/0")


@runtime_attack("session", "see other rows in the transaction that follows a commit")
async def session_commit(toolkit: AttackedToolkit) -> Verdict:
    """Commit and go on. In between the victim uses the connection."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        for _ in range(3):
            await toolkit.check_bound(session, toolkit.attacker, "in a transaction after a commit")
            await session.commit()
            await toolkit.check("between two transactions of a session")
        await toolkit.check_bound(session, toolkit.attacker, "in a transaction after a commit")
    return blocked()


@runtime_attack("session", "see other rows in the transaction that follows a rollback")
async def session_rollback(toolkit: AttackedToolkit) -> Verdict:
    """Roll back, also after an error, and go on."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        for _ in range(3):
            await toolkit.check_bound(session, toolkit.attacker, "in a transaction after a rollback")
            await _fail(session)
            await session.rollback()
            await toolkit.check("between two transactions of a session")
        await toolkit.check_bound(session, toolkit.attacker, "in a transaction after a rollback")
    return blocked()


@runtime_attack("session", "see other rows in a session that was closed or reset, and is used again")
async def session_reuse(toolkit: AttackedToolkit) -> Verdict:
    """Close and reset the session in its unit of work, and use it after the end."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        for again in (session.close, session.reset, session.invalidate):
            await toolkit.check_bound(session, toolkit.attacker, "in a session that is used again")
            await again()
            await toolkit.check("after a session was closed")
        await toolkit.check_bound(session, toolkit.attacker, "in a session that is used again")
    await toolkit.check_ended(session, "past its unit of work")
    await toolkit.check("after a session was used past its unit of work")
    return blocked()


@runtime_attack("session", "begin a second transaction in a session, and see other rows there")
async def session_second_begin(toolkit: AttackedToolkit) -> Verdict:
    """Call `begin()` while a transaction is open, which is an error, and after its end."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        await toolkit.check_bound(session, toolkit.attacker, "before a second begin")
        with contextlib.suppress(SQLAlchemyError):
            async with session.begin():
                await toolkit.check_bound(session, toolkit.attacker, "in a second begin")
        await toolkit.check_bound(session, toolkit.attacker, "after a second begin")
        await session.commit()
        async with session.begin():
            await toolkit.check_bound(session, toolkit.attacker, "in a transaction begun by hand")
        connection = await session.connection()
        with contextlib.suppress(SQLAlchemyError):
            await connection.begin()
        await toolkit.check_bound(session, toolkit.attacker, "after a connection's second begin")
    await toolkit.check("after a second begin")
    return blocked()


@runtime_attack("session", "end the transaction by SQL of its own, and go on without a binding")
async def session_end_by_text(toolkit: AttackedToolkit) -> Verdict:
    """Send COMMIT and ROLLBACK as text. The next statement must show no row, and leave nothing behind."""
    for end in ("COMMIT", "ROLLBACK"):
        with contextlib.suppress(SQLAlchemyError, errors.TenantryError):
            async with toolkit.database.tenant(toolkit.attacker) as session:
                connection = await session.connection()
                await connection.exec_driver_sql(end)
                seen = (await connection.exec_driver_sql(toolkit.owners_query)).mappings()
                if {row["tenant"] for row in seen} - {toolkit.attacker}:
                    raise Leak(f"after {end} as text, other tenants' rows were seen")
        await toolkit.check(f"after {end} as text")
    return blocked()


@runtime_attack("session", "lose the binding in a savepoint that is released or rolled back")
async def session_savepoints(toolkit: AttackedToolkit) -> Verdict:
    """Nest savepoints, release them, roll them back, and end them by an error."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        async with session.begin_nested():
            await session.begin_nested()
            await toolkit.check_bound(session, toolkit.attacker, "in a savepoint")
        await toolkit.check_bound(session, toolkit.attacker, "after a savepoint")
        savepoint = await session.begin_nested()
        await savepoint.rollback()
        await toolkit.check_bound(session, toolkit.attacker, "after a savepoint was rolled back")
        with contextlib.suppress(SQLAlchemyError):
            async with session.begin_nested():
                await (await session.connection()).exec_driver_sql("SELECT 1/0")
        await toolkit.check_bound(session, toolkit.attacker, "after an error in a savepoint")
    await toolkit.check("after savepoints")
    return blocked()


@runtime_attack("session", "see the inner tenant's rows in the outer unit of work, or the other way round", pool=3)
async def session_nested(toolkit: AttackedToolkit) -> Verdict:
    """Open units of work of the victim, without a tenant and of the admin inside the attacker's, in one task."""
    database, attacker, victim = toolkit.database, toolkit.attacker, toolkit.victim
    before = current_tenant()
    async with database.tenant(attacker) as outer:
        await toolkit.check_bound(outer, attacker, "outside of another scope")
        async with database.tenant(victim) as inner:
            _check_context(victim)
            for _ in range(2):
                await toolkit.check_bound(inner, victim, "in the inner unit of work")
                await toolkit.check_bound(outer, attacker, "in the outer unit of work")
                # The next transaction of the outer session begins inside the inner unit of work.
                await outer.commit()
        _check_context(attacker)
        with contextlib.suppress(SQLAlchemyError):
            async with database.tenant(victim, read_only=True) as reading:
                await toolkit.check_bound(reading, victim, "in an inner read-only unit of work")
                await (await reading.connection()).exec_driver_sql("SELECT 1/0")
        _check_context(attacker)
        async with database.session() as unscoped:
            _check_context(None)
            rows = await toolkit.read_unscoped(unscoped)
            toolkit.judge(rows, None, "in an inner session without a tenant")
        async with database.admin(reason="proof of isolation: an admin session inside a tenant's") as admin:
            _check_context(None)
            await admin.connection()
            await toolkit.check_bound(outer, attacker, "beside an admin session")
        _check_context(attacker)
        await toolkit.check_bound(outer, attacker, "after the inner scopes")
    _check_context(before)
    await toolkit.check("after nested scopes")
    return blocked()


def _check_context(tenant: str | None) -> None:
    found = current_tenant()
    if found != tenant:
        raise Leak(f"logs would name {found!r} where {tenant!r} works")
