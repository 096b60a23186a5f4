"""Attacks on the binding itself: statements that outlive a tenant, and SQL that binds another one.

The binding is a setting, and whoever can send a statement can set it. That is why it is signed where a service asks for
it: then nothing but the key's holder can bind a tenant, and the same attack must come to nothing. Without a signature
it is a limit that the documentation names.
"""

from __future__ import annotations

import itertools

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.bout import is_over
from tenantry.proof.isolation.duel import Duel
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, limit, skipped
from tenantry.tenancy.declarations import tenancy_of

# More than the five executions after which PostgreSQL thinks of a generic plan (plancache.c).
EXECUTIONS = 6

# Prepared, planned for all and executed under the victim; then the attacker's own stance.
PLANNED = (
    "ROLLBACK; BEGIN; {binding}; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {name} AS {statement}; {runs}"
    "ROLLBACK; BEGIN; {stance}; SET LOCAL plan_cache_mode = force_generic_plan"
)

UNSIGNED = (
    "Whoever can send a statement can bind another tenant by set_config(): {detail} Tenancy(signed_context=True) "
    "closes this."
)

# A prepared statement outlives its transaction, so that each needs a name of its own.
_numbers = itertools.count(1)


async def _plan(duel: Duel, statement: str) -> str:
    """Have a statement prepared and planned for the victim, take the stance again, and return the statement's name."""
    name = f"tenantry_statement_{next(_numbers)}"
    await duel.execute(
        PLANNED.format(
            binding=duel.ground.binding(duel.ground.victim),
            name=name,
            statement=duel.fill(statement),
            runs=f"EXECUTE {name}; " * EXECUTIONS,
            stance=duel.stance.preamble or "SELECT",
        )
    )
    return name


@table_attack("prepared", "run a statement that was prepared and planned for the victim")
async def prepared_statement(duel: Duel) -> Verdict:
    """PREPARE and execute under the victim, with a plan for all; execute again in the attacker's stance."""
    name = await _plan(duel, "SELECT {tenant} FROM {table}")
    try:
        return await duel.reads(f"EXECUTE {name}")
    finally:
        await duel.execute(f"ROLLBACK; DEALLOCATE {name}")


@table_attack("prepared", "run a prepared statement that writes, planned for the victim")
async def prepared_write(duel: Duel) -> Verdict:
    """The same with UPDATE, whose WITH CHECK is planned too."""
    if "UPDATE" not in duel.facts.privileges:
        return skipped("the application may not update rows of the table")
    name = await _plan(duel, "UPDATE {table} SET {same} RETURNING {tenant}")
    try:
        return await duel.reads_written(f"EXECUTE {name}")
    finally:
        await duel.execute(f"ROLLBACK; DEALLOCATE {name}")


@table_attack("prepared", "read on from a cursor after its tenant is gone", in_every_stance=False)
async def cursor_rebound(duel: Duel) -> Verdict:
    """A cursor that was opened with the tenant must not widen when the setting is emptied under it."""
    setting = tenancy_of(duel.ground.service.metadata).setting
    await duel.execute(duel.fill("DECLARE tenantry_cursor CURSOR FOR SELECT {tenant} FROM {table}"))
    first = await duel.reads("FETCH 1 FROM tenantry_cursor")
    if is_over(first):
        return first
    await duel.execute(f"SET LOCAL {setting} = ''")
    return await duel.reads("FETCH ALL FROM tenantry_cursor")


def _judge_bound(duel: Duel, seen: Verdict) -> Verdict:
    """Without a signature, to bind another tenant works by design; with one it must not."""
    if seen.outcome is Outcome.BREACH and not tenancy_of(duel.ground.service.metadata).signed_context:
        return limit(UNSIGNED.format(detail=seen.detail))
    return seen


def _setting(duel: Duel) -> str:
    return sql.literal(tenancy_of(duel.ground.service.metadata).setting)


@table_attack("binding", "bind the victim by a statement of its own")
async def rebind(duel: Duel) -> Verdict:
    """set_config() and then SELECT."""
    await duel.execute(
        duel.fill("SELECT set_config({setting}, {name}, true)", setting=_setting(duel), name=_victim(duel))
    )
    return _judge_bound(duel, await duel.reads("SELECT {tenant} FROM {table}"))


@table_attack("binding", "bind the victim inside the statement that reads")
async def rebind_inside(duel: Duel) -> Verdict:
    """set_config() in a CTE that is joined, as an injection into one statement would have it."""
    seen = await duel.reads(
        "WITH bound AS MATERIALIZED (SELECT set_config({setting}, {name}, true) AS done) "
        "SELECT found.tenant FROM bound CROSS JOIN LATERAL "
        "(SELECT t.{column}::text AS tenant FROM {table} AS t WHERE bound.done IS NOT NULL OFFSET 0) AS found",
        setting=_setting(duel),
        name=_victim(duel),
    )
    return _judge_bound(duel, seen)


@table_attack("binding", "bind the victim for the session, and come back in another transaction")
async def rebind_session(duel: Duel) -> Verdict:
    """A session-level setting outlives the transaction; the unit of work's own SET LOCAL must stand above it."""
    setting = _setting(duel)
    bind = duel.fill("SELECT set_config({setting}, {name}, false); ", setting=setting, name=_victim(duel))
    if not duel.stance.is_own:
        return skipped("without a binding of its own there is nothing to stand above it; see rebind")
    try:
        await duel.execute(f"ROLLBACK; BEGIN; {bind}COMMIT; BEGIN; {duel.stance.preamble};")
        return await duel.reads("SELECT {tenant} FROM {table}")
    finally:
        await duel.execute(f"ROLLBACK; SELECT set_config({setting}, '', false)")


@table_attack("binding", "write a row for the victim after binding it")
async def rebind_write(duel: Duel) -> Verdict:
    """set_config() and then UPDATE."""
    await duel.execute(
        duel.fill("SELECT set_config({setting}, {name}, true)", setting=_setting(duel), name=_victim(duel))
    )
    verdict = await duel.writes("UPDATE {table} SET {same} WHERE {column} = {victim}")
    return _judge_bound(duel, verdict)


# What a forger makes of its own binding `own|expiry|key id|code`: the victim's name in front and the rest kept, without
# a code, with a key that nobody has, and valid for ever.
FORGERIES = (
    "{name} || substr(own, length({own}) + 1)",
    "{name} || '|' || split_part(own, '|', 2) || '|' || split_part(own, '|', 3) || '|'",
    "{name} || '|' || split_part(own, '|', 2) || '|tenantry|' || split_part(own, '|', 4)",
    "{name} || '|99999999999|' || split_part(own, '|', 3) || '|' || split_part(own, '|', 4)",
)


@table_attack("binding", "forge a binding of the victim from its own", in_every_stance=False)
async def forge(duel: Duel) -> Verdict:
    """The attacker's own binding with the victim's name put in its place, signed as it was, not at all, or for ever."""
    verdict = blocked("nothing was forged")
    for forgery in FORGERIES:
        value = forgery.format(name=_victim(duel), own=sql.literal(duel.ground.attacker))
        duel.begin(duel.stance.preamble)
        await duel.execute(
            f"SELECT set_config(name, {value}, true) "  # noqa: S608  # quoted above
            f"FROM (SELECT {_setting(duel)} AS name, current_setting({_setting(duel)}) AS own) AS bound"
        )
        verdict = _judge_bound(duel, await duel.reads("SELECT {tenant} FROM {table}"))
        if verdict.outcome is not Outcome.BLOCKED:
            return verdict
    return verdict


def _victim(duel: Duel) -> str:
    return sql.literal(duel.ground.victim)
