"""Channels between tenants that row security knows nothing of: locks, notifications, large objects, sequences.

PostgreSQL has them for everybody in a database. They carry what two tenants want to tell each other, or how much all of
them do; none shows a row. So they are limits, and the documentation names them; where a service has taken the right to
one away, it is blocked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from tenantry import sql
from tenantry.postgres.statements import load_statements
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable
from tenantry.proof.isolation.session import MARKER, AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, Verdict, blocked, breach, limit, record, skipped

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

LOCK = 7_365_420_119
PATIENCE = 1.0


@service_attack("channel", "signal through advisory locks")
async def advisory_locks(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A lock that one tenant holds is seen by another."""
    async with open_session(attacked) as session, open_session(attacked) as other:
        session.begin(attacked.bind_sql(attacked.attacker))
        other.begin(attacked.bind_sql(attacked.victim))
        try:
            await session.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            (row,) = await other.fetch(f"SELECT pg_try_advisory_xact_lock({LOCK}) AS is_free")
        except asyncpg.PostgresError as error:
            yield record("advisory_locks", "advisory locks", session.judge(error))
            return
        verdict = limit("A tenant sees that another holds an advisory lock: a bit that both must want to tell.")
        yield record("advisory_locks", "advisory locks", blocked("none is shared") if row["is_free"] else verdict)


@service_attack("channel", "signal through notifications")
async def notifications(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """NOTIFY reaches every session that listens, whatever tenant it works for."""
    heard = asyncio.Event()
    async with open_session(attacked) as session, open_session(attacked) as other:
        await other.connection.add_listener("tenantry_proof", lambda *_: heard.set())
        await session.execute("NOTIFY tenantry_proof")
        try:
            await asyncio.wait_for(heard.wait(), PATIENCE)
        except TimeoutError:
            yield record("notifications", "notifications", blocked("nothing was heard"))
        else:
            verdict = limit(
                "A channel's notifications reach every session of the database: put no tenant's data in one."
            )
            yield record("notifications", "notifications", verdict)


@service_attack("channel", "read a large object of another tenant")
async def large_objects(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Large objects know owners, and all tenants work as one role."""
    async with open_session(attacked) as session:
        session.begin(attacked.bind_sql(attacked.victim))
        try:
            (row,) = await session.fetch(f"SELECT lo_from_bytea(0, {sql.literal(MARKER)}::bytea) AS id")
            await session.execute("SAVEPOINT made; " + attacked.bind_sql(attacked.attacker))
            (seen,) = await session.fetch(f"SELECT convert_from(lo_get({int(row['id'])}), 'UTF8') AS said")
        except asyncpg.PostgresError as error:
            yield record("large_objects", "large objects", session.judge(error))
        else:
            verdict = limit("Large objects know no tenants: what one writes, all read. No model of Tenantry uses them.")
            yield record("large_objects", "large objects", verdict if MARKER in seen["said"] else blocked("not read"))
        session.begin(attacked.bind_sql(attacked.attacker))
        objects = await session.fetch("SELECT oid::bigint AS id FROM pg_largeobject_metadata ORDER BY oid LIMIT 50")
        for item in objects:
            session.begin(attacked.bind_sql(attacked.attacker))
            try:
                (seen,) = await session.fetch(f"SELECT encode(lo_get({item['id']}), 'escape') AS said")
            except asyncpg.PostgresError as error:
                verdict = session.judge(error)
            else:
                found = session.known.find_secrets(seen["said"])
                verdict = breach("It holds values of other tenants.") if found else blocked("no value of others")
            yield record("large_objects", f"large object {item['id']}", verdict)


@service_attack("channel", "learn from a sequence how much others write")
async def sequences(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """nextval() and last_value, of every sequence that the application may use."""
    found = False
    async with open_session(attacked) as session:
        for row in await session.fetch(_STATEMENTS["sequences"]):
            found = True
            name = sql.qualified(row["schema"], row["name"])
            session.begin(attacked.bind_sql(attacked.attacker))
            results = [f"SELECT last_value FROM {name}", f"SELECT nextval({sql.literal(name)})"]  # noqa: S608
            verdict = await session.refused(results[0])
            if verdict.outcome is Outcome.BLOCKED:
                session.begin(attacked.bind_sql(attacked.attacker))
                verdict = await session.refused(results[1])
            if verdict.outcome is Outcome.BREACH:
                verdict = limit("A sequence that all tenants share tells how many values all of them took.")
            yield record("sequences", f"sequence {row['schema']}.{row['name']}", verdict)
    if not found:
        yield record("sequences", "database", skipped("the database has no sequence"))


@service_attack("channel", "leave a table behind that catches what the next tenant writes")
async def temporary_tables(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A temporary table named like the service's own, on a connection that the next tenant is given."""
    if not attacked.tables:
        yield record("temporary_tables", "database", skipped("the service has no tenant tables"))
        return
    async with open_session(attacked) as session:
        for target in attacked.tables:
            thing = f"{target.schema}.{target.name}"
            yield record("temporary_tables", thing, await _catch(session, target))


async def _catch(session: AttackSession, target: AttackedTable) -> Verdict:
    name, table = sql.identifier(target.name), sql.qualified(target.schema, target.name)
    facts = session.known.table(target)
    row = facts.rows[session.attacked.victim][0]
    columns = ", ".join(map(sql.identifier, facts.writable))
    values = ", ".join(facts.literal(column, row[column]) for column in facts.writable)
    tenant = sql.identifier(target.tenant_column)
    session.begin(session.attacked.bind_sql(session.attacked.attacker))
    made = await session.refused(f"CREATE TEMPORARY TABLE {name} AS TABLE {table} WITH NO DATA; COMMIT")
    if made.outcome is not Outcome.BREACH:
        return made
    try:
        # The victim's unit of work, as the toolkit writes it: without the schema.
        session.begin(session.attacked.bind_sql(session.attacked.victim))
        await session.execute(f"INSERT INTO {name} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING")  # noqa: S608
        await session.execute(f"SAVEPOINT written; {session.attacked.bind_sql(session.attacked.attacker)}")
        caught = await session.fetch(f"SELECT {tenant}::text AS tenant FROM pg_temp.{name}")  # noqa: S608
    except asyncpg.PostgresError as error:
        return session.judge(error)
    finally:
        await session.execute(f"ROLLBACK; DROP TABLE pg_temp.{name}")
    if any(found["tenant"] != session.attacked.attacker for found in caught):
        return limit(
            "A temporary table stands before the service's own on its connection, and outlives the transaction: "
            "REVOKE TEMPORARY ON DATABASE ... FROM PUBLIC closes this."
        )
    return blocked("it caught nothing")


@service_attack("channel", "leave a cursor behind that the next tenant reads")
async def held_cursor(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """DECLARE ... WITH HOLD keeps rows beyond the transaction: those of the tenant that declared it, and no others."""
    if not attacked.tables:
        yield record("held_cursor", "database", skipped("the service has no tenant tables"))
        return
    async with open_session(attacked) as session:
        for target in attacked.tables:
            thing = f"{target.schema}.{target.name}"
            yield record("held_cursor", thing, await _hold(session, target))


async def _hold(session: AttackSession, target: AttackedTable) -> Verdict:
    attacked = session.attacked
    column, table = sql.identifier(target.tenant_column), sql.qualified(target.schema, target.name)
    query = f"SELECT {column}::text AS tenant FROM {table}"  # noqa: S608  # quoted
    session.begin(attacked.bind_sql(attacked.attacker))
    try:
        await session.execute(f"DECLARE tenantry_held CURSOR WITH HOLD FOR {query}; COMMIT")
    except asyncpg.PostgresError as error:
        return session.judge(error)
    try:
        session.begin(attacked.bind_sql(attacked.bystander))
        tenants = {row["tenant"] for row in await session.fetch("FETCH ALL FROM tenantry_held")}
    finally:
        await session.execute("ROLLBACK; CLOSE tenantry_held")
    if tenants - {attacked.attacker}:
        return breach(f"It held rows of {', '.join(sorted(tenants - {attacked.attacker})[:3])}.")
    if tenants:
        return limit(
            "A cursor WITH HOLD keeps its tenant's rows until the connection closes it; the toolkit opens none."
        )
    return blocked("it held no row")
