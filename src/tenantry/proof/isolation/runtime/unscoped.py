"""Attacks outside a unit of work: over the engine, in a plain session, and without the context."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import Executable, delete, func, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry import errors, sql
from tenantry.postgres.connection import Connection
from tenantry.proof.isolation.database import AttackedTable
from tenantry.proof.isolation.runtime.registration import runtime_attack
from tenantry.proof.isolation.runtime.toolkit import AttackedToolkit, Leak, driver_of, open_toolkit, readable
from tenantry.proof.isolation.verdict import Verdict, blocked
from tenantry.tenancy.unit_of_work import TenantSession

__all__: list[str] = []

Send = Callable[[Executable], Awaitable[Any]]


def _statements(target: AttackedTable) -> list[Executable]:
    table, column = target.table, target.table.c[target.tenant_column]
    name, quoted = sql.qualified(target.schema, target.name), sql.identifier(target.name)
    # PostgreSQL folds an unquoted name to lower case, so the guard must do so too. Other names need their quotes.
    unquoted = target.name.upper() if sql.as_printed(target.name) == target.name else quoted
    return [
        select(table),
        select(func.count()).select_from(table),
        select(1).where(select(table).exists()),
        insert(table).from_select([column], select(column)),
        update(table).values({column: column}),
        delete(table),
        text(f"SELECT * FROM {name}"),  # noqa: S608  # quoted
        text(f"TABLE {quoted}"),
        text(f"WITH x AS (SELECT * FROM {unquoted}) SELECT count(*) FROM x"),  # noqa: S608  # an attack
    ]


async def _check_refused(send: Send, target: AttackedTable, driver: Connection | None, where: str) -> None:
    """Check that each statement is refused before it, or a BEGIN, is sent."""
    sent: list[str] = []

    def note(record: Any) -> None:
        sent.append(record.query)

    with driver.query_logger(note) if driver else contextlib.nullcontext():
        for statement in _statements(target):
            try:
                await send(statement)
            except errors.TenantRequired:
                continue
            raise Leak(f"{where}, a statement on {target.name} was sent: {statement}")
    if sent:
        raise Leak(f"{where}, {sent[0]!r} was sent before the statement on {target.name} was refused")


@runtime_attack("engine", "send a statement on tenant tables over the engine, without a unit of work")
async def engine_without_unit_of_work(toolkit: AttackedToolkit) -> Verdict:
    """Use `engine.connect()` and `engine.begin()`. The toolkit must refuse, and the database must show no row."""
    async with toolkit.database.engine.connect() as connection:
        driver = await driver_of(connection)
        for target in readable(toolkit.attacked):
            await _check_refused(connection.execute, target, driver, "over the engine")
            await _check_refused(connection.stream, target, driver, "in a stream over the engine")
        await toolkit.check_unbound(driver, "over the driver")
        await connection.rollback()
        with contextlib.suppress(errors.TenantRequired):
            rows = (await connection.exec_driver_sql(toolkit.owners_query)).all()
            raise Leak(f"over the engine, a driver's statement on tenant tables was sent, and {len(rows)} rows came")
    async with toolkit.database.engine.begin() as connection:
        for target in readable(toolkit.attacked):
            await _check_refused(connection.execute, target, None, "over engine.begin()")
    async with toolkit.database.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for target in readable(toolkit.attacked):
            await _check_refused(connection.execute, target, None, "over the engine in AUTOCOMMIT")
        await toolkit.check_unbound(await driver_of(connection), "over the driver in AUTOCOMMIT")
    await toolkit.check("after work over the engine")
    return blocked()


@runtime_attack("session", "send a statement on tenant tables in a session that has no tenant")
async def session_without_tenant(toolkit: AttackedToolkit) -> Verdict:
    """Use `database.session()`, and SQLAlchemy's own `AsyncSession` on the engine."""
    database = toolkit.database
    for target in readable(toolkit.attacked):
        async with database.session() as session:
            await _check_refused(session.execute, target, None, "in a session without a tenant")
        async with database.session(read_only=True) as reading:
            await _check_refused((await reading.connection()).execute, target, None, "in a reader without a tenant")
        for kind in (AsyncSession, TenantSession):
            async with kind(database.engine) as plain:
                await _check_refused(plain.execute, target, None, f"in a {kind.__name__} made by hand")
                await _check_refused(plain.stream, target, None, f"in a {kind.__name__} made by hand")
    async with database.session() as session:
        toolkit.judge(await toolkit.read_unscoped(session), None, "in a session without a tenant")
    await toolkit.check("after sessions without a tenant")
    return blocked()


@runtime_attack("session", "bypass the guard by another spelling of a table's name")
async def session_spelled_names(toolkit: AttackedToolkit) -> Verdict:
    """Spell names with escapes and inside XML functions. The guard or row security must refuse the rows."""
    for target in readable(toolkit.attacked):
        escaped = "".join(f"\\{ord(letter):04x}" for letter in target.name)
        query = f"SELECT * FROM {sql.qualified(target.schema, target.name)}".encode().hex()  # noqa: S608  # quoted
        hidden = f"query_to_xml(convert_from(decode('{query}', 'hex'), 'UTF8'), true, true, '')::text"
        for statement in (
            f'SELECT * FROM {sql.identifier(target.schema)}.U&"{escaped}"',  # noqa: S608  # an attack
            f"SELECT 1 WHERE {hidden} LIKE '%<%'",
        ):
            async with toolkit.database.session() as session:
                connection = await session.connection()
                try:
                    rows = (await connection.exec_driver_sql(statement)).all()
                except (errors.TenantRequired, SQLAlchemyError):
                    continue
                if rows:
                    raise Leak(f"{statement} showed {len(rows)} rows without a tenant")
    await toolkit.check("after spelled names")
    return blocked()


@asynccontextmanager
async def _unit_of_work(toolkit: AttackedToolkit) -> AsyncIterator[TenantSession]:
    async with toolkit.database.tenant(toolkit.attacker) as session:
        await toolkit.check_bound(session, toolkit.attacker, "before the context is lost")
        yield session


@runtime_attack("session", "work in a thread as if its unit of work were there", pool=2)
async def context_in_thread(toolkit: AttackedToolkit) -> Verdict:
    """Use the session in threads, with and without the context, and open new ones there."""

    async def unscoped() -> None:
        # Another event loop needs other connections.
        async with open_toolkit(toolkit.attacked) as own:
            for target in readable(toolkit.attacked):
                async with own.database.session() as session:
                    await _check_refused(session.execute, target, None, "in a thread")
            await own.check("in a thread")

    loop = asyncio.get_running_loop()
    async with _unit_of_work(toolkit) as session:
        await asyncio.to_thread(asyncio.run, unscoped())
        await loop.run_in_executor(None, asyncio.run, unscoped())
        for call in (lambda: session.sync_session.connection().exec_driver_sql(toolkit.owners_query).all(),):
            try:
                toolkit.judge(await asyncio.to_thread(call), toolkit.attacker, "in a thread with the session")
            except SQLAlchemyError:
                continue
        await toolkit.check_bound(session, toolkit.attacker, "after threads")
    await toolkit.check("after threads")
    return blocked()


@runtime_attack("session", "go on in a background task after the unit of work ended")
async def context_in_background_task(toolkit: AttackedToolkit) -> Verdict:
    """Continue after the unit of work with its session, with its connection, and with a new session."""
    over, taken = asyncio.Event(), asyncio.Event()

    async def unscoped() -> None:
        await over.wait()
        async with toolkit.database.session() as session:
            for target in readable(toolkit.attacked):
                await _check_refused(session.execute, target, None, "in a background task")
            toolkit.judge(await toolkit.read_unscoped(session), None, "in a background task")

    async def with_session(session: TenantSession) -> None:
        await over.wait()
        await toolkit.check_ended(session, "in a background task with its old session")

    async def with_connection(session: TenantSession) -> None:
        connection = await session.connection()
        await taken.wait()
        with contextlib.suppress(SQLAlchemyError, errors.TenantryError, asyncpg.PostgresError, asyncpg.InterfaceError):
            rows = (await connection.exec_driver_sql(toolkit.owners_query)).all()
            toolkit.judge(rows, toolkit.attacker, "in a background task with its old connection")

    async with _unit_of_work(toolkit) as session:
        tasks = [asyncio.create_task(work) for work in (with_connection(session), unscoped(), with_session(session))]
        await asyncio.sleep(0)
    try:
        async with toolkit.database.tenant(toolkit.victim) as victim:
            await toolkit.check_bound(victim, toolkit.victim, "while a background task runs")
            taken.set()
            await asyncio.wait(tasks[:1])
            await toolkit.check_bound(victim, toolkit.victim, "while a background task runs")
    finally:
        taken.set()
        over.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if result is not None:
            raise result
    await toolkit.check("after background tasks")
    return blocked()


@runtime_attack("session", "use one session in two tasks at once, and see the other unit of work's rows", pool=2)
async def session_in_two_tasks(toolkit: AttackedToolkit) -> Verdict:
    """Share the attacker's session between tasks while the victim works: it must raise or show its own rows."""

    async def use(session: TenantSession) -> None:
        with contextlib.suppress(SQLAlchemyError):
            rows = (await (await session.connection()).exec_driver_sql(toolkit.owners_query)).all()
            toolkit.judge(rows, toolkit.attacker, "in a session that two tasks share")

    with contextlib.suppress(SQLAlchemyError):
        async with toolkit.database.tenant(toolkit.attacker) as mine, toolkit.database.tenant(toolkit.victim) as theirs:
            results = await asyncio.gather(use(mine), use(mine), use(mine), return_exceptions=True)
            await toolkit.check_bound(theirs, toolkit.victim, "beside a session that two tasks share")
            for result in results:
                if isinstance(result, Leak):
                    raise result
    await toolkit.check("after a session was shared by tasks")
    return blocked()
