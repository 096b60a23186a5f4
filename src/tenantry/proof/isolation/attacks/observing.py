"""Attacks on what the server stores about rows: statistics, definitions, and its views of sessions.

ANALYZE stores the most common values of each column, of all tenants. pg_stats hides them from roles that row security
applies to, and the planner passes them to leakproof operators only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from tenantry import sql
from tenantry.postgres.connect import connect
from tenantry.postgres.statements import load_statements
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.attacks.leaking import LEAKING_FUNCTION
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import MARKER, AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, Verdict, blocked, breach, limit, record, skipped

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

DEADLINE = 10.0


async def _analyze(attacked: AttackedDatabase) -> None:
    """Run ANALYZE as the owner, so that there are statistics of all rows."""
    endpoint = attacked.deployment.endpoint("migration")
    connection = await connect(
        endpoint.source, deadline=DEADLINE, role=endpoint.role, application_name="tenantry proof"
    )
    try:
        for target in attacked.tables:
            await connection.execute(f"ANALYZE {sql.qualified(target.schema, target.name)}")
    finally:
        await connection.close()


async def _find_secrets(session: AttackSession, statement: str) -> dict[str, str]:
    """Return the other tenants' values in a query's column `said`, each with its column `place`."""
    session.begin(session.attacked.bind_sql(session.attacked.attacker))
    found: dict[str, str] = {}
    for row in await session.fetch(statement):
        for value in session.known.find_secrets(row["said"] or ""):
            found[value] = row["place"]
    return found


@service_attack("statistics", "read others' values in the planner's statistics")
async def planner_statistics(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """pg_stats and the views of extended statistics, after ANALYZE."""
    async with open_session(attacked) as session:
        await _analyze(attacked)
        for thing, name in (("view pg_stats", "statistics"), ("view pg_stats_ext", "extended_statistics")):
            found = await _find_secrets(session, _STATEMENTS[name])
            places = ", ".join(sorted(set(found.values()))[:3])
            verdict = breach(f"It shows values of other tenants: {places}.") if found else blocked("no value of others")
            yield record("planner_statistics", thing, verdict)


@service_attack("statistics", "read the catalogs that are closed to it")
async def closed_catalogs(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Stored statistics, passwords, the pages of large objects, logins at other servers."""
    async with open_session(attacked) as session:
        for name in ("pg_statistic", "pg_statistic_ext_data", "pg_authid", "pg_largeobject", "pg_user_mapping"):
            session.begin(attacked.bind_sql(attacked.attacker))
            verdict = await session.refused(f"SELECT * FROM pg_catalog.{name} LIMIT 1", f"read {name}")  # noqa: S608
            yield record("closed_catalogs", f"table pg_catalog.{name}", verdict)


@service_attack("statistics", "make the planner pass its statistics to an operator of its own")
async def leaky_estimate(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A restriction estimator may call the operator's function on the most common values (CVE-2017-7484)."""
    if not attacked.tables:
        yield record("leaky_estimate", "database", skipped("the service has no tenant tables"))
        return
    async with open_session(attacked) as session:
        await _analyze(attacked)
        for target in attacked.tables:
            yield record("leaky_estimate", f"{target.schema}.{target.name}", await _estimate(session, target))


async def _estimate(session: AttackSession, target: object) -> Verdict:
    column = sql.identifier(target.tenant_column)  # type: ignore[attr-defined]
    table = sql.qualified(target.schema, target.name)  # type: ignore[attr-defined]
    session.begin(session.attacked.bind_sql(session.attacked.attacker))
    operator = (
        LEAKING_FUNCTION.format(options="", marker=MARKER)
        + "; CREATE OPERATOR pg_temp.<<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.tenantry_leak, "
        "RESTRICT = scalarltsel)"
    )
    made = await session.refused(operator)
    if made.outcome is not Outcome.BREACH:
        return made
    own = sql.literal(session.attacked.attacker)
    try:
        await session.execute(f"EXPLAIN SELECT FROM {table} WHERE {column}::text OPERATOR(pg_temp.<<<<) {own}::text")
    except asyncpg.PostgresError as error:
        if MARKER in str(error):
            return breach(f"The planner passed it a value of another tenant: {str(error)[:120]}")
        return session.judge(error)
    return blocked("the planner passed it no value")


@service_attack("statistics", "find others' values in the text of the catalog")
async def catalog_texts(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Definitions, bounds of partitions, comments, settings and names."""
    async with open_session(attacked) as session:
        found = await _find_secrets(session, _STATEMENTS["texts"])
        for value, place in found.items():
            yield record("catalog_texts", place, breach(f"It holds a value of {session.known.secrets[value]}."))
        if not found:
            yield record("catalog_texts", "catalog", blocked("no value of others"))


@service_attack("session", "read the statements of other sessions")
async def watch_sessions(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """pg_stat_activity shows the statements of the session's own role only, which all tenants share."""
    role = attacked.application.role
    async with open_session(attacked) as session, open_session(attacked) as other:
        other.begin(attacked.bind_sql(attacked.victim))
        await other.execute(f"SELECT {sql.literal(MARKER)}")
        session.begin(attacked.bind_sql(attacked.attacker))
        rows = await session.fetch(
            "SELECT usename::text AS name, query FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND datname = current_database() AND query NOT IN ('', "
            "'<insufficient privilege>')"
        )
        others = sorted({row["name"] for row in rows if row["name"] != _login(other)})
        if others:
            verdict = breach(f"It saw statements of {', '.join(others)}.")
        elif any(MARKER in row["query"] for row in rows):
            verdict = limit(
                "A session sees the statements of other sessions of its role, also for other tenants, without their "
                "parameters."
            )
        else:
            verdict = blocked("no statement of others")
        yield record("watch_sessions", f"role {role}", verdict)


def _login(session: AttackSession) -> str:
    name: str = session.connection._params.user  # noqa: SLF001  # asyncpg has no public name for the login.
    return name


@service_attack("session", "cancel the statements of other roles")
async def cancel_sessions(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """pg_cancel_backend and pg_terminate_backend on a session of the admin role, and on one of its own role."""
    admin = await connect(
        attacked.admin.source, deadline=DEADLINE, role=attacked.admin.role, application_name="tenantry proof"
    )
    try:
        async with open_session(attacked) as session, open_session(attacked) as other:
            for function in ("pg_cancel_backend", "pg_terminate_backend"):
                session.begin(attacked.bind_sql(attacked.attacker))
                verdict = await session.refused(
                    f"SELECT {function}({admin.get_server_pid()})", "end the admin's session"
                )
                yield record("cancel_sessions", f"role {attacked.admin.role}", verdict)
            session.begin(attacked.bind_sql(attacked.attacker))
            verdict = await session.refused(f"SELECT pg_cancel_backend({other.connection.get_server_pid()})")
            if verdict.outcome is Outcome.BREACH:
                verdict = limit("A session may cancel other sessions of its role: this delays them, and shows nothing.")
            yield record("cancel_sessions", f"role {attacked.application.role}", verdict)
    finally:
        await admin.close()
        await asyncio.sleep(0)
