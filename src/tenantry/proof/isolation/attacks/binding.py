"""Attacks on the binding itself: statements that outlive a tenant, and SQL that binds another one.

The binding is a setting, and any SQL that runs as the application can set it. A service may have it signed: then only
the holder of the key can bind a tenant, and these attacks must fail. Without a signature they are a known limit.
"""

from __future__ import annotations

import itertools

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.session import is_over
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, limit, skipped
from tenantry.tenancy.declarations import tenancy_of

# PostgreSQL considers a generic plan after five executions (plancache.c).
EXECUTIONS = 6

# The statement is prepared and executed with the victim bound, with a generic plan; then the attacker is bound again.
PLANNED = (
    "ROLLBACK; BEGIN; {victim}; SET LOCAL plan_cache_mode = force_generic_plan; PREPARE {name} AS {statement}; {runs}"
    "ROLLBACK; BEGIN; {own}; SET LOCAL plan_cache_mode = force_generic_plan"
)

UNSIGNED = (
    "Any SQL that runs as the application can bind another tenant with set_config(): {detail} "
    "Tenancy(signed_context=True) prevents this."
)

# A prepared statement outlives its transaction, so each needs a different name.
_numbers = itertools.count(1)


async def _plan(attempt: Attempt, statement: str) -> str:
    """Prepare and plan a statement for the victim, bind the attacker again, and return the statement's name."""
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
    """PREPARE and EXECUTE for the victim with a generic plan; EXECUTE again in the attacker's binding."""
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


@table_attack("prepared", "read on from a cursor after its tenant is unbound", in_every_binding=False)
async def cursor_rebound(attempt: Attempt) -> Verdict:
    """A cursor of a bound transaction must not show more rows when the setting is emptied."""
    setting = tenancy_of(attempt.attacked.service.metadata).setting
    await attempt.execute(attempt.fill("DECLARE tenantry_cursor CURSOR FOR SELECT {tenant} FROM {table}"))
    first = await attempt.reads("FETCH 1 FROM tenantry_cursor")
    if is_over(first):
        return first
    await attempt.execute(f"SET LOCAL {setting} = ''")
    return await attempt.reads("FETCH ALL FROM tenantry_cursor")


def _judge_bound(attempt: Attempt, seen: Verdict) -> Verdict:
    """Return a limit instead of a breach where tenants are not signed."""
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
    """set_config() in a CTE that is joined, as an SQL injection into one statement would do."""
    seen = await attempt.reads(
        "WITH bound AS MATERIALIZED (SELECT set_config({setting}, {name}, true) AS done) "
        "SELECT found.tenant FROM bound CROSS JOIN LATERAL "
        "(SELECT t.{column}::text AS tenant FROM {table} AS t WHERE bound.done IS NOT NULL OFFSET 0) AS found",
        setting=_setting(attempt),
        name=_victim(attempt),
    )
    return _judge_bound(attempt, seen)


@table_attack("binding", "bind the victim for the session, and read in another transaction")
async def rebind_session(attempt: Attempt) -> Verdict:
    """A session-level setting outlives the transaction; the SET LOCAL of the unit of work must override it."""
    setting = _setting(attempt)
    bind = attempt.fill("SELECT set_config({setting}, {name}, false); ", setting=setting, name=_victim(attempt))
    if not attempt.binding.is_own:
        return skipped("without a binding of its own nothing overrides the setting; see rebind")
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


# Forged values, made from the attacker's own binding `own|expiry|key id|code`: with the victim's name, without a code,
# with an unknown key, and with an expiry far in the future.
FORGERIES = (
    "{name} || substr(own, length({own}) + 1)",
    "{name} || '|' || split_part(own, '|', 2) || '|' || split_part(own, '|', 3) || '|'",
    "{name} || '|' || split_part(own, '|', 2) || '|tenantry|' || split_part(own, '|', 4)",
    "{name} || '|99999999999|' || split_part(own, '|', 3) || '|' || split_part(own, '|', 4)",
)


@table_attack("binding", "forge a binding of the victim from its own", in_every_binding=False)
async def forge(attempt: Attempt) -> Verdict:
    """The attacker's own binding with the victim's name: with the old code, without a code, or with a late expiry."""
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
