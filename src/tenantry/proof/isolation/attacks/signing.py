"""Attacks on signed bindings: the keys must not be readable, and another session's value must not be visible.

A session that reads another session's signed value can bind it until it expires. The sessions of one role see each
other's statements, and all tenants use the same role.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg

from tenantry import sql
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Verdict, blocked, breach, limit, record, skipped
from tenantry.tenancy.declarations import tenancy_of
from tenantry.tenancy.signed_context.accessor import KEYS_TABLE, SCHEMA

UNSIGNED = "the service does not sign its tenants"

# The statement that bound a session, as another session sees it.
SEEN = "SELECT query FROM pg_stat_activity WHERE pid = {pid}"


@service_attack("signature", "read the keys that sign the tenants")
async def signing_keys(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Only the owner of the accessor may read the table of keys."""
    thing = f"table {SCHEMA}.{KEYS_TABLE}"
    if not tenancy_of(attacked.service.metadata).signed_context:
        yield record("signing_keys", thing, skipped(UNSIGNED))
        return
    async with open_session(attacked) as session:
        session.begin(attacked.bind_sql(attacked.attacker))
        try:
            rows = await session.fetch(f"SELECT * FROM {sql.qualified(SCHEMA, KEYS_TABLE)}")  # noqa: S608  # quoted
        except asyncpg.PostgresError as error:
            verdict = session.judge(error)
        else:
            verdict = breach(f"It read {len(rows)} keys.") if rows else blocked("no key")
        yield record("signing_keys", thing, verdict)


@service_attack("signature", "bind a value that another session was seen to bind")
async def replay_binding(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """The victim's session is in its transaction, and pg_stat_activity shows its statement."""
    if not attacked.tables:
        yield record("replay_binding", "pg_stat_activity", skipped("the service has no tenant tables"))
        return
    async with open_session(attacked) as session, open_session(attacked) as victim:
        victim.begin(attacked.bind_sql(attacked.victim))
        await victim.execute("")
        yield record("replay_binding", "pg_stat_activity", await _replay(session, victim.connection.get_server_pid()))


async def _replay(session: AttackSession, pid: int) -> Verdict:
    attacked = session.attacked
    tenancy = tenancy_of(attacked.service.metadata)
    (row,) = await session.fetch(SEEN.format(pid=pid))
    # The statement is SET, or EXECUTE where an extension records statements.
    binds = rf"(?:SET LOCAL {re.escape(tenancy.setting)} = |EXECUTE \w+\()(E?'(?:[^'\\]|''|\\.)*')"
    found = re.search(binds, row["query"])
    if found is None:
        return blocked("the statement that binds is not visible")
    target = next(iter(attacked.tables))
    table, column = sql.qualified(target.schema, target.name), sql.identifier(target.tenant_column)
    session.begin(f"SET LOCAL {tenancy.setting} = {found.group(1)}")
    rows = await session.fetch(f"SELECT FROM {table} WHERE {column}::text = {sql.literal(attacked.victim)}")
    if not rows:
        return blocked("the visible value binds no tenant")
    thing = f"{target.schema}.{target.name}"
    seen = f"It bound a value that another session was seen to bind, and saw {len(rows)} rows of {thing}."
    return breach(seen) if tenancy.signed_context else limit(f"{seen} Without a signature it need not be seen first.")
