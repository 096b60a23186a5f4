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
from tenantry.proof.isolation.bout import MARKER, Bout, open_bout
from tenantry.proof.isolation.ground import Ground, Target
from tenantry.proof.isolation.verdict import Outcome, Try, Verdict, blocked, breach, limit, record, skipped

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

LOCK = 7_365_420_119
PATIENCE = 1.0


@service_attack("channel", "signal through advisory locks")
async def advisory_locks(ground: Ground) -> AsyncIterator[Try]:
    """A lock that one tenant holds is seen by another."""
    async with open_bout(ground) as bout, open_bout(ground) as other:
        bout.begin(ground.binding(ground.attacker))
        other.begin(ground.binding(ground.victim))
        try:
            await bout.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
            (row,) = await other.fetch(f"SELECT pg_try_advisory_xact_lock({LOCK}) AS is_free")
        except asyncpg.PostgresError as error:
            yield record("advisory_locks", "advisory locks", bout.judge(error))
            return
        verdict = limit("A tenant sees that another holds an advisory lock: a bit that both must want to tell.")
        yield record("advisory_locks", "advisory locks", blocked("none is shared") if row["is_free"] else verdict)


@service_attack("channel", "signal through notifications")
async def notifications(ground: Ground) -> AsyncIterator[Try]:
    """NOTIFY reaches every session that listens, whatever tenant it works for."""
    heard = asyncio.Event()
    async with open_bout(ground) as bout, open_bout(ground) as other:
        await other.connection.add_listener("tenantry_proof", lambda *_: heard.set())
        await bout.execute("NOTIFY tenantry_proof")
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
async def large_objects(ground: Ground) -> AsyncIterator[Try]:
    """Large objects know owners, and all tenants work as one role."""
    async with open_bout(ground) as bout:
        bout.begin(ground.binding(ground.victim))
        try:
            (row,) = await bout.fetch(f"SELECT lo_from_bytea(0, {sql.literal(MARKER)}::bytea) AS id")
            await bout.execute("SAVEPOINT made; " + ground.binding(ground.attacker))
            (seen,) = await bout.fetch(f"SELECT convert_from(lo_get({int(row['id'])}), 'UTF8') AS said")
        except asyncpg.PostgresError as error:
            yield record("large_objects", "large objects", bout.judge(error))
        else:
            verdict = limit("Large objects know no tenants: what one writes, all read. No model of Tenantry uses them.")
            yield record("large_objects", "large objects", verdict if MARKER in seen["said"] else blocked("not read"))
        bout.begin(ground.binding(ground.attacker))
        objects = await bout.fetch("SELECT oid::bigint AS id FROM pg_largeobject_metadata ORDER BY oid LIMIT 50")
        for item in objects:
            bout.begin(ground.binding(ground.attacker))
            try:
                (seen,) = await bout.fetch(f"SELECT encode(lo_get({item['id']}), 'escape') AS said")
            except asyncpg.PostgresError as error:
                verdict = bout.judge(error)
            else:
                found = bout.knowledge.spot(seen["said"])
                verdict = breach("It holds values of other tenants.") if found else blocked("no value of others")
            yield record("large_objects", f"large object {item['id']}", verdict)


@service_attack("channel", "learn from a sequence how much others write")
async def sequences(ground: Ground) -> AsyncIterator[Try]:
    """nextval() and last_value, of every sequence that the application may use."""
    found = False
    async with open_bout(ground) as bout:
        for row in await bout.fetch(_STATEMENTS["sequences"]):
            found = True
            name = sql.qualified(row["schema"], row["name"])
            bout.begin(ground.binding(ground.attacker))
            tries = [f"SELECT last_value FROM {name}", f"SELECT nextval({sql.literal(name)})"]  # noqa: S608
            verdict = await bout.refused(tries[0])
            if verdict.outcome is Outcome.BLOCKED:
                bout.begin(ground.binding(ground.attacker))
                verdict = await bout.refused(tries[1])
            if verdict.outcome is Outcome.BREACH:
                verdict = limit("A sequence that all tenants share tells how many values all of them took.")
            yield record("sequences", f"sequence {row['schema']}.{row['name']}", verdict)
    if not found:
        yield record("sequences", "database", skipped("the database has no sequence"))


@service_attack("channel", "leave a table behind that catches what the next tenant writes")
async def temporary_tables(ground: Ground) -> AsyncIterator[Try]:
    """A temporary table named like the service's own, on a connection that the next tenant is given."""
    if not ground.targets:
        yield record("temporary_tables", "database", skipped("the service has no tenant tables"))
        return
    async with open_bout(ground) as bout:
        for target in ground.targets:
            thing = f"{target.schema}.{target.name}"
            yield record("temporary_tables", thing, await _catch(bout, target))


async def _catch(bout: Bout, target: Target) -> Verdict:
    name, table = sql.identifier(target.name), sql.qualified(target.schema, target.name)
    facts = bout.knowledge.of(target)
    row = facts.rows[bout.ground.victim][0]
    columns = ", ".join(map(sql.identifier, facts.writable))
    values = ", ".join(facts.literal(column, row[column]) for column in facts.writable)
    tenant = sql.identifier(target.tenant_column)
    bout.begin(bout.ground.binding(bout.ground.attacker))
    made = await bout.refused(f"CREATE TEMPORARY TABLE {name} AS TABLE {table} WITH NO DATA; COMMIT")
    if made.outcome is not Outcome.BREACH:
        return made
    try:
        # The victim's unit of work, as the toolkit writes it: without the schema.
        bout.begin(bout.ground.binding(bout.ground.victim))
        await bout.execute(f"INSERT INTO {name} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING")  # noqa: S608
        await bout.execute(f"SAVEPOINT written; {bout.ground.binding(bout.ground.attacker)}")
        caught = await bout.fetch(f"SELECT {tenant}::text AS tenant FROM pg_temp.{name}")  # noqa: S608
    except asyncpg.PostgresError as error:
        return bout.judge(error)
    finally:
        await bout.execute(f"ROLLBACK; DROP TABLE pg_temp.{name}")
    if any(found["tenant"] != bout.ground.attacker for found in caught):
        return breach(
            "A temporary table stands before the service's own on its connection, and caught the victim's row: "
            "REVOKE TEMPORARY ON DATABASE ... FROM PUBLIC closes this."
        )
    return blocked("it caught nothing")


@service_attack("channel", "hold a cursor open beyond the transaction that it read in")
async def held_cursor(ground: Ground) -> AsyncIterator[Try]:
    """DECLARE ... WITH HOLD keeps rows beyond the transaction: those of the tenant that declared it, and no others."""
    if not ground.targets:
        yield record("held_cursor", "database", skipped("the service has no tenant tables"))
        return
    async with open_bout(ground) as bout:
        for target in ground.targets:
            thing = f"{target.schema}.{target.name}"
            yield record("held_cursor", thing, await _hold(bout, target))


async def _hold(bout: Bout, target: Target) -> Verdict:
    ground = bout.ground
    column, table = sql.identifier(target.tenant_column), sql.qualified(target.schema, target.name)
    query = f"SELECT {column}::text AS tenant FROM {table}"  # noqa: S608  # quoted
    bout.begin(ground.binding(ground.attacker))
    try:
        await bout.execute(f"DECLARE tenantry_held CURSOR WITH HOLD FOR {query}; COMMIT")
    except asyncpg.PostgresError as error:
        return bout.judge(error)
    try:
        bout.begin(ground.binding(ground.bystander))
        tenants = {row["tenant"] for row in await bout.fetch("FETCH ALL FROM tenantry_held")}
    finally:
        await bout.execute("ROLLBACK; CLOSE tenantry_held")
    if tenants - {ground.attacker}:
        return breach(f"It held rows of {', '.join(sorted(tenants - {ground.attacker})[:3])}.")
    # That the pool closes it before the connection is the next tenant's, `pool_session_objects` tries.
    return blocked("it held the attacker's own rows" if tenants else "it held no row")
