"""Attacks on special sessions: in AUTOCOMMIT, read-only, and of the admin role."""

from __future__ import annotations

import contextlib
from typing import Any

from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from tenantry import errors, sql
from tenantry.postgres.sqlstate import READ_ONLY, sqlstate_of
from tenantry.proof.isolation.runtime.mapped import REFUSED, MappedTable, own_row
from tenantry.proof.isolation.runtime.registration import mapped_attack, runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, driver_of, written
from tenantry.proof.isolation.verdict import Verdict, blocked, limit

__all__: list[str] = []

AUTOCOMMIT = {"isolation_level": "AUTOCOMMIT"}

IDENTITY = """
SELECT current_user::text, session_user::text, rolbypassrls OR rolsuper FROM pg_catalog.pg_roles
WHERE rolname = current_user
"""


@runtime_attack("session", "run a tenant's statements in AUTOCOMMIT, where a binding ends at once")
async def session_autocommit(toolkit: AttackedToolkit) -> Verdict:
    """Set AUTOCOMMIT on the session's connection, on its engine, and after the transaction began."""
    database = toolkit.database
    async with database.tenant(toolkit.attacker) as session:
        await _check_refused(session.connection(execution_options=AUTOCOMMIT), "on the session's connection")
    async with database.tenant(toolkit.attacker) as session:
        session.sync_session.bind = database.engine.sync_engine.execution_options(**AUTOCOMMIT)
        await _check_refused(session.connection(), "on the session's engine")
    async with database.tenant(toolkit.attacker) as session:
        connection = await session.connection()
        with contextlib.suppress(SQLAlchemyError):
            await connection.execution_options(**AUTOCOMMIT)
        await toolkit.check_bound(session, toolkit.attacker, "after AUTOCOMMIT was asked for in a transaction")
    async with database.tenant(toolkit.attacker, read_only=True) as reading:
        with contextlib.suppress(SQLAlchemyError):
            await (await reading.connection()).execution_options(**AUTOCOMMIT)
        await toolkit.check_bound(reading, toolkit.attacker, "after a reader asked for AUTOCOMMIT")
    async with database.engine.connect() as connection:
        await connection.execution_options(**AUTOCOMMIT)
        await toolkit.check_unbound(await driver_of(connection), "in AUTOCOMMIT over the engine")
    await toolkit.check("after AUTOCOMMIT was asked for")
    return blocked()


async def _check_refused(connecting: Any, where: str) -> None:
    try:
        await connecting
    except errors.AutocommitRefused:
        return
    raise Leak(f"AUTOCOMMIT was not refused {where}, so a tenant's statements run without a binding")


@mapped_attack("write in a read-only unit of work")
async def reader_writes(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """The toolkit must refuse typed statements before it sends them; the server must refuse text and a CTE."""
    async with toolkit.database.tenant(toolkit.attacker) as session:
        values = await own_row(mapped, session)
    table, tenant, harmless = mapped.table, mapped.tenant, mapped.harmless_column
    typed = (insert(table).values(values), update(table).values({harmless: harmless}), delete(table))
    name, column = sql.qualified(mapped.target.schema, mapped.target.name), sql.identifier(harmless.name)
    for statement in typed:
        async with toolkit.database.tenant(toolkit.attacker, read_only=True) as reading:
            for send in (reading.execute, reading.scalar, reading.scalars, reading.stream, reading.stream_scalars):
                await _check_not_sent(send, statement)
    hidden = (
        text(f"UPDATE {name} SET {column} = {column}"),  # noqa: S608  # quoted
        text(f"DELETE FROM {name}"),  # noqa: S608  # quoted
        select(delete(table).returning(tenant).cte().c[tenant.name]),
    )
    for concealed in hidden:
        async with toolkit.database.tenant(toolkit.attacker, read_only=True) as reading:
            await _check_no_write(reading, concealed)
    for statement in typed:
        # A typed statement on the session's connection reaches the server.
        async with toolkit.database.tenant(toolkit.attacker, read_only=True) as reading:
            await _check_no_write(await reading.connection(), statement)
    await toolkit.check("after a reader tried to write")
    return blocked()


async def _check_not_sent(send: Any, statement: Any) -> None:
    try:
        await send(statement)
    except errors.ReadOnly:
        return
    except SQLAlchemyError as error:
        raise Leak(f"a reader's typed statement was sent, and only the server refused it: {statement}") from error
    raise Leak(f"a reader wrote: {statement}")


async def _check_no_write(reading: Any, statement: Any) -> None:
    try:
        await reading.execute(statement)
    except SQLAlchemyError as error:
        # If the application may not write the table, the refusal has another SQLSTATE.
        if sqlstate_of(error) not in {READ_ONLY, *REFUSED}:
            raise
        return
    raise Leak(f"a reader wrote: {statement}")


@runtime_attack("session", "make a read-only transaction writable by SQL of its own")
async def reader_made_writable(toolkit: AttackedToolkit) -> Verdict:
    """Send SET TRANSACTION READ WRITE, which PostgreSQL accepts before the first query of a transaction."""
    async with toolkit.database.tenant(toolkit.attacker, read_only=True) as reading:
        connection = await reading.connection()
        try:
            await connection.exec_driver_sql("SET TRANSACTION READ WRITE")
        except SQLAlchemyError:
            await connection.rollback()
            await toolkit.check("after a reader asked to write")
            return blocked()
        await toolkit.check_bound(reading, toolkit.attacker, "in a reader that made itself writable")
    await toolkit.check("after a reader made itself writable")
    return limit("a reader's SQL can make its transaction writable before its first query; its tenant stays bound")


@runtime_attack("role", "work across tenants without a reason, or with the role of an ended admin session", pool=2)
async def admin_session(toolkit: AttackedToolkit) -> Verdict:
    """Open admin sessions without a reason; then check the role and rights of the application's pool."""
    database = toolkit.database
    for reason in ("", " ", "\t\n"):
        with contextlib.suppress(ValueError):
            async with database.admin(reason=reason) as admin:
                await admin.connection()
            raise Leak(f"an admin session was opened with {reason!r} as its reason")
    application = await _identities(toolkit)
    with contextlib.suppress(SQLAlchemyError):
        async with database.admin(reason="proof of isolation: what an admin session leaves behind") as admin:
            process = (await driver_of(await admin.connection())).get_server_pid()
            await toolkit.check_tenant(toolkit.attacker, "beside an admin session")
            await admin.rollback()
            await (await admin.connection()).exec_driver_sql("SELECT 1/0")
    if process in application:
        raise Leak("the admin session used a connection of the application's pool")
    for identity in (await _identities(toolkit)).values():
        user, login, steps_over = identity
        if steps_over or user != toolkit.attacked.service.roles.application:
            raise Leak(f"after an admin session the application's pool works as {user} (login {login})")
    await toolkit.check("after an admin session")
    return blocked()


async def _identities(toolkit: AttackedToolkit) -> dict[int, tuple[str, str, bool]]:
    """Return the role, the login and the bypass of row security of two connections, by the server's process."""
    found: dict[int, tuple[str, str, bool]] = {}
    async with toolkit.database.engine.connect() as first, toolkit.database.engine.connect() as second:
        for connection in (first, second):
            driver = await driver_of(connection)
            found[driver.get_server_pid()] = tuple(await driver.fetchrow(IDENTITY))
    return found


@mapped_attack("write an admin's entity with its own session")
async def admin_entities(toolkit: AttackedToolkit, mapped: MappedTable) -> Verdict:
    """Load all rows as the admin, and add them to a unit of work of the attacker."""
    async with toolkit.database.admin(reason="proof of isolation: entities of an admin session") as admin:
        entities = (await admin.scalars(select(mapped.model))).unique().all()
        theirs = [one for one in entities if mapped.tenant_of(one) == toolkit.victim]
    if not theirs:
        return blocked("the admin session sees no row of the victim")
    async with toolkit.database.tenant(toolkit.attacker) as session:
        before = await written(session)
        with contextlib.suppress(SQLAlchemyError):
            session.add_all(theirs)
            for one in theirs:
                await session.refresh(one)
            raise Leak("a row of the admin's session was loaded again in the attacker's")
        session.expunge_all()
        await session.rollback()
        if await written(session) != before:
            raise Leak("a row of the admin's session was written by the attacker's")
    await toolkit.check("after an admin's entities")
    return blocked()
