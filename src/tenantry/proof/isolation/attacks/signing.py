"""Attacks on what a signed binding rests on: the keys must not be read, and a value that is bound must not be seen.

Whoever reads another session's signed value may bind it as well, as long as it lasts. Sessions of one role see each
other's statements, and all tenants work as one role.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import asyncpg

from tenantry import sql
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.bout import Bout, open_bout
from tenantry.proof.isolation.ground import Ground
from tenantry.proof.isolation.verdict import Try, Verdict, blocked, breach, limit, record, skipped
from tenantry.tenancy.declarations import tenancy_of
from tenantry.tenancy.signature import KEYS_TABLE, SCHEMA

UNSIGNED = "the service does not sign the tenant"

# The statements by which a session was bound, as another session sees them.
SEEN = "SELECT query FROM pg_stat_activity WHERE pid = {pid}"


@service_attack("signature", "read the keys that tenants are signed with")
async def signing_keys(ground: Ground) -> AsyncIterator[Try]:
    """The table of keys belongs to the accessor's owner alone."""
    thing = f"table {SCHEMA}.{KEYS_TABLE}"
    if not tenancy_of(ground.service.metadata).signed_context:
        yield record("signing_keys", thing, skipped(UNSIGNED))
        return
    async with open_bout(ground) as bout:
        bout.begin(ground.binding(ground.attacker))
        try:
            rows = await bout.fetch(f"SELECT * FROM {sql.qualified(SCHEMA, KEYS_TABLE)}")  # noqa: S608  # quoted
        except asyncpg.PostgresError as error:
            verdict = bout.judge(error)
        else:
            verdict = breach(f"It read {len(rows)} keys.") if rows else blocked("no key")
        yield record("signing_keys", thing, verdict)


@service_attack("signature", "bind again what another session was seen to bind")
async def replay_binding(ground: Ground) -> AsyncIterator[Try]:
    """The victim's session stands inside its transaction, and its statement in pg_stat_activity."""
    if not ground.targets:
        yield record("replay_binding", "pg_stat_activity", skipped("the service has no tenant tables"))
        return
    async with open_bout(ground) as bout, open_bout(ground) as victim:
        victim.begin(ground.binding(ground.victim))
        await victim.execute("")
        yield record("replay_binding", "pg_stat_activity", await _replay(bout, victim.connection.get_server_pid()))


async def _replay(bout: Bout, pid: int) -> Verdict:
    ground = bout.ground
    tenancy = tenancy_of(ground.service.metadata)
    (row,) = await bout.fetch(SEEN.format(pid=pid))
    # By SET, or where an extension records statements by EXECUTE.
    binds = rf"(?:SET LOCAL {re.escape(tenancy.setting)} = |EXECUTE \w+\()(E?'(?:[^'\\]|''|\\.)*')"
    found = re.search(binds, row["query"])
    if found is None:
        return blocked("the statement that binds is not shown")
    target = next(iter(ground.targets))
    table, column = sql.qualified(target.schema, target.name), sql.identifier(target.tenant_column)
    bout.begin(f"SET LOCAL {tenancy.setting} = {found.group(1)}")
    rows = await bout.fetch(f"SELECT FROM {table} WHERE {column}::text = {sql.literal(ground.victim)}")
    if not rows:
        return blocked("what was seen binds nobody")
    seen = f"It bound what another session was seen to bind, and saw {len(rows)} rows of {target.schema}.{target.name}."
    return (
        breach(seen) if tenancy.signed_context else limit(f"{seen} Without a signature nothing has to be seen first.")
    )
