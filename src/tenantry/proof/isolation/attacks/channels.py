"""Channels between tenants that row security does not cover: locks, notifications, large objects, sequences.

All sessions of a database share them. Two tenants can use them to exchange messages, or to see how much all tenants
write, but they show no row. So they are known limits. If the service revoked the privilege for one, it is blocked.
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
    """A session of another tenant sees the lock."""
    async with open_session(attacked) as session, open_session(attacked) as other:
        session.begin(attacked.bind_sql(attacked.attacker))
        other.begin(attacked.bind_sql(attacked.victim))
        try:
            await session.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            (row,) = await other.fetch(f"SELECT pg_try_advisory_xact_lock({LOCK}) AS is_free")
        except asyncpg.PostgresError as error:
            yield record("advisory_locks", "advisory locks", session.judge(error))
            return
        verdict = limit(
            "A tenant sees that another holds an advisory lock: one bit, and only if both want to exchange it."
        )
        yield record(
            "advisory_locks", "advisory locks", blocked("the lock is not visible") if row["is_free"] else verdict
        )


@service_attack("channel", "signal through notifications")
async def notifications(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """NOTIFY reaches every session that listens, for all tenants."""
    heard = asyncio.Event()
    async with open_session(attacked) as session, open_session(attacked) as other:
        await other.connection.add_listener("tenantry_proof", lambda *_: heard.set())
        await session.execute("NOTIFY tenantry_proof")
        try:
            await asyncio.wait_for(heard.wait(), PATIENCE)
        except TimeoutError:
            yield record("notifications", "notifications", blocked("no notification arrived"))
        else:
            verdict = limit(
                "A notification reaches every listening session of the database: put no tenant's data into it."
            )
            yield record("notifications", "notifications", verdict)


@service_attack("channel", "read a large object of another tenant")
async def large_objects(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A large object belongs to a role, and all tenants use the same role."""
    async with open_session(attacked) as session:
        session.begin(attacked.bind_sql(attacked.victim))
        try:
            (row,) = await session.fetch(f"SELECT lo_from_bytea(0, {sql.literal(MARKER)}::bytea) AS id")
            await session.execute("SAVEPOINT made; " + attacked.bind_sql(attacked.attacker))
            (seen,) = await session.fetch(f"SELECT convert_from(lo_get({int(row['id'])}), 'UTF8') AS said")
        except asyncpg.PostgresError as error:
            yield record("large_objects", "large objects", session.judge(error))
        else:
            verdict = limit("Large objects have no tenant: all tenants can read them. Tenantry does not use them.")
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
                verdict = limit("A sequence shows how many values all tenants took from it.")
            yield record("sequences", f"sequence {row['schema']}.{row['name']}", verdict)
    if not found:
        yield record("sequences", "database", skipped("the database has no sequence"))


@service_attack("channel", "leave a table behind that receives what the next tenant writes")
async def temporary_tables(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A temporary table with the name of the service's table, on a connection that the next tenant gets."""
    if not attacked.tables:
        yield record("temporary_tables", "database", skipped("the service has no tenant tables"))
        return
    async with open_session(attacked) as session:
        for target in attacked.tables:
            thing = f"{target.schema}.{target.name}"
            yield record("temporary_tables", thing, await _receive(session, target))


async def _receive(session: AttackSession, target: AttackedTable) -> Verdict:
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
        # The victim's statement, without the schema, as the toolkit writes it.
        session.begin(session.attacked.bind_sql(session.attacked.victim))
        await session.execute(f"INSERT INTO {name} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING")  # noqa: S608
        await session.execute(f"SAVEPOINT written; {session.attacked.bind_sql(session.attacked.attacker)}")
        received = await session.fetch(f"SELECT {tenant}::text AS tenant FROM pg_temp.{name}")  # noqa: S608
    except asyncpg.PostgresError as error:
        return session.judge(error)
    finally:
        await session.execute(f"ROLLBACK; DROP TABLE pg_temp.{name}")
    if any(found["tenant"] != session.attacked.attacker for found in received):
        return breach(
            "A temporary table hides the service's table on its connection, and received the victim's row. "
            "REVOKE TEMPORARY ON DATABASE ... FROM PUBLIC prevents this."
        )
    return blocked("it received no row")


@service_attack("channel", "hold a cursor open beyond the transaction that it read in")
async def held_cursor(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """DECLARE ... WITH HOLD keeps rows after the transaction. They must be rows of the tenant that declared it."""
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
    # `pool_session_objects` tries whether the pool closes it before the next tenant gets the connection.
    return blocked("it held the attacker's own rows" if tenants else "it held no row")
