"""Attacks on the binding itself: statements that outlive a tenant, and SQL that binds another one.

The binding is a setting, and whoever can send a statement can set it. That is why it is signed where a service asks for
it: then nothing but the key's holder can bind a tenant, and the same attack must come to nothing. Without a signature
it is a limit that the documentation names.
"""

from __future__ import annotations

import itertools

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.session import is_over
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, limit, skipped
from tenantry.tenancy.declarations import tenancy_of

# More than the five executions after which PostgreSQL thinks of a generic plan (plancache.c).
EXECUTIONS = 6

# Prepared, planned for all and executed under the victim; then the attacker's own binding.
PLANNED = (
    "ROLLBACK; BEGIN; {victim}; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {name} AS {statement}; {runs}"
    "ROLLBACK; BEGIN; {own}; SET LOCAL plan_cache_mode = force_generic_plan"
)

UNSIGNED = (
    "Whoever can send a statement can bind another tenant by set_config(): {detail} Tenancy(signed_context=True) "
    "closes this."
)

# A prepared statement outlives its transaction, so that each needs a name of its own.
_numbers = itertools.count(1)


async def _plan(attempt: Attempt, statement: str) -> str:
    """Have a statement prepared and planned for the victim, take the binding again, and return the statement's name."""
    name = f"tenantry_statement_{next(_numbers)}"
    await attempt.execute(
        PLANNED.format(
            victim=attempt.attacked.bind_sql(attempt.attacked.victim),
            name=name,
            statement=attempt.fill(statement),
            runs=f"EXECUTE {name}; " * EXECUTIONS,
            own=attempt.binding.preamble or "SELECT",
        )
    )
    return name


@table_attack("prepared", "run a statement that was prepared and planned for the victim")
async def prepared_statement(attempt: Attempt) -> Verdict:
    """PREPARE and execute under the victim, with a plan for all; execute again in the attacker's binding."""
    name = await _plan(attempt, "SELECT {tenant} FROM {table}")
    try:
        return await attempt.reads(f"EXECUTE {name}")
    finally:
        await attempt.execute(f"ROLLBACK; DEALLOCATE {name}")


@table_attack("prepared", "run a prepared statement that writes, planned for the victim")
async def prepared_write(attempt: Attempt) -> Verdict:
    """The same with UPDATE, whose WITH CHECK is planned too."""
    if "UPDATE" not in attempt.facts.privileges:
        return skipped("the application may not update rows of the table")
    name = await _plan(attempt, "UPDATE {table} SET {same} RETURNING {tenant}")
    try:
        return await attempt.reads_written(f"EXECUTE {name}")
    finally:
        await attempt.execute(f"ROLLBACK; DEALLOCATE {name}")


@table_attack("prepared", "read on from a cursor after its tenant is gone", in_every_binding=False)
async def cursor_rebound(attempt: Attempt) -> Verdict:
    """A cursor that was opened with the tenant must not widen when the setting is emptied under it."""
    setting = tenancy_of(attempt.attacked.service.metadata).setting
    await attempt.execute(attempt.fill("DECLARE tenantry_cursor CURSOR FOR SELECT {tenant} FROM {table}"))
    first = await attempt.reads("FETCH 1 FROM tenantry_cursor")
    if is_over(first):
        return first
    await attempt.execute(f"SET LOCAL {setting} = ''")
    return await attempt.reads("FETCH ALL FROM tenantry_cursor")


def _judge_bound(attempt: Attempt, seen: Verdict) -> Verdict:
    """Without a signature, to bind another tenant works by design; with one it must not."""
    if seen.outcome is Outcome.BREACH and not tenancy_of(attempt.attacked.service.metadata).signed_context:
        return limit(UNSIGNED.format(detail=seen.detail))
    return seen


def _setting(attempt: Attempt) -> str:
    return sql.literal(tenancy_of(attempt.attacked.service.metadata).setting)


@table_attack("binding", "bind the victim by a statement of its own")
async def rebind(attempt: Attempt) -> Verdict:
    """set_config() and then SELECT."""
    await attempt.execute(
        attempt.fill("SELECT set_config({setting}, {name}, true)", setting=_setting(attempt), name=_victim(attempt))
    )
    return _judge_bound(attempt, await attempt.reads("SELECT {tenant} FROM {table}"))


@table_attack("binding", "bind the victim inside the statement that reads")
async def rebind_inside(attempt: Attempt) -> Verdict:
    """set_config() in a CTE that is joined, as an injection into one statement would have it."""
    seen = await attempt.reads(
        "WITH bound AS MATERIALIZED (SELECT set_config({setting}, {name}, true) AS done) "
        "SELECT found.tenant FROM bound CROSS JOIN LATERAL "
        "(SELECT t.{column}::text AS tenant FROM {table} AS t WHERE bound.done IS NOT NULL OFFSET 0) AS found",
        setting=_setting(attempt),
        name=_victim(attempt),
    )
    return _judge_bound(attempt, seen)


@table_attack("binding", "bind the victim for the session, and come back in another transaction")
async def rebind_session(attempt: Attempt) -> Verdict:
    """A session-level setting outlives the transaction; the unit of work's own SET LOCAL must stand above it."""
    setting = _setting(attempt)
    bind = attempt.fill("SELECT set_config({setting}, {name}, false); ", setting=setting, name=_victim(attempt))
    if not attempt.binding.is_own:
        return skipped("without a binding of its own there is nothing to stand above it; see rebind")
    try:
        await attempt.execute(f"ROLLBACK; BEGIN; {bind}COMMIT; BEGIN; {attempt.binding.preamble};")
        return await attempt.reads("SELECT {tenant} FROM {table}")
    finally:
        await attempt.execute(f"ROLLBACK; SELECT set_config({setting}, '', false)")


@table_attack("binding", "write a row for the victim after binding it")
async def rebind_write(attempt: Attempt) -> Verdict:
    """set_config() and then UPDATE."""
    await attempt.execute(
        attempt.fill("SELECT set_config({setting}, {name}, true)", setting=_setting(attempt), name=_victim(attempt))
    )
    verdict = await attempt.writes("UPDATE {table} SET {same} WHERE {column} = {victim}")
    return _judge_bound(attempt, verdict)


# What a forger makes of its own binding `own|expiry|key id|code`: the victim's name in front and the rest kept, without
# a code, with a key that nobody has, and valid for ever.
FORGERIES = (
    "{name} || substr(own, length({own}) + 1)",
    "{name} || '|' || split_part(own, '|', 2) || '|' || split_part(own, '|', 3) || '|'",
    "{name} || '|' || split_part(own, '|', 2) || '|tenantry|' || split_part(own, '|', 4)",
    "{name} || '|99999999999|' || split_part(own, '|', 3) || '|' || split_part(own, '|', 4)",
)


@table_attack("binding", "forge a binding of the victim from its own", in_every_binding=False)
async def forge(attempt: Attempt) -> Verdict:
    """The attacker's own binding with the victim's name put in its place, signed as it was, not at all, or for ever."""
    verdict = blocked("nothing was forged")
    for forgery in FORGERIES:
        value = forgery.format(name=_victim(attempt), own=sql.literal(attempt.attacked.attacker))
        attempt.begin(attempt.binding.preamble)
        await attempt.execute(
            f"SELECT set_config(name, {value}, true) "  # noqa: S608  # quoted above
            f"FROM (SELECT {_setting(attempt)} AS name, current_setting({_setting(attempt)}) AS own) AS bound"
        )
        verdict = _judge_bound(attempt, await attempt.reads("SELECT {tenant} FROM {table}"))
        if verdict.outcome is not Outcome.BLOCKED:
            return verdict
    return verdict


def _victim(attempt: Attempt) -> str:
    return sql.literal(attempt.attacked.victim)
