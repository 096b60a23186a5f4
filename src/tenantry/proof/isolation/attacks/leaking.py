"""Attacks with a predicate that leaks: it raises an error that shows its argument.

Row security is a security barrier: what is not leakproof is evaluated after the policy (manual, 5.9 and 39.5). So no
error and no side effect may show a row that the policy hides.
"""

from __future__ import annotations

import asyncpg

from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.session import is_over
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach

DIVISION_BY_ZERO = "22012"

# Raises for every value that is not the attacker's. Its cost is the lowest, so that the planner would call it first.
LEAKING_FUNCTION = (
    "CREATE FUNCTION pg_temp.tenantry_leak(seen text, wanted text) RETURNS boolean LANGUAGE plpgsql "
    "COST 0.0000001 {options} AS $leak$ BEGIN IF seen <> wanted THEN RAISE EXCEPTION '{marker}%', seen; END IF; "
    "RETURN true; END $leak$"
)


async def _divides(attempt: Attempt, template: str) -> Verdict:
    """Judge a statement that divides by zero on a row of the victim."""
    try:
        await attempt.execute(attempt.fill(template))
    except asyncpg.PostgresError as error:
        if sqlstate_of(error) == DIVISION_BY_ZERO:
            return breach("A division by zero showed that the victim has a row.")
        return attempt.judge(error)
    return blocked("no error")


@table_attack("leak", "divide by zero where a row is the victim's")
async def leaky_division(attempt: Attempt) -> Verdict:
    """A condition that raises."""
    return await _divides(
        attempt,
        "SELECT FROM {table} WHERE 1 / (CASE WHEN {column} = {victim} THEN 0 ELSE 1 END) = 1 AND {column} = {victim}",
    )


@table_attack("leak", "divide by zero in a join's condition")
async def leaky_join(attempt: Attempt) -> Verdict:
    """A join whose condition raises."""
    return await _divides(
        attempt,
        "SELECT FROM {table} AS t JOIN (VALUES (1), (2)) AS v (number) "
        "ON v.number / (CASE WHEN t.{column} = {victim} THEN 0 ELSE 1 END) > 0",
    )


@table_attack("leak", "divide by zero while sorting")
async def leaky_sort(attempt: Attempt) -> Verdict:
    """ORDER BY an expression that raises."""
    return await _divides(
        attempt, "SELECT FROM {table} ORDER BY 1 / (CASE WHEN {column} = {victim} THEN 0 ELSE 1 END) LIMIT 1"
    )


@table_attack("leak", "make a cast show the tenant of a hidden row in its error")
async def leaky_cast(attempt: Attempt) -> Verdict:
    """A cast whose error message quotes the value."""
    return await attempt.leaks(
        "SELECT FROM {table} WHERE "
        "(CASE WHEN {column} = {attacker} THEN '1' ELSE '{marker}' || {column}::text END)::integer = 1",
    )


@table_attack("leak", "filter by a cheap function of its own that shows its argument")
async def leaky_function(attempt: Attempt) -> Verdict:
    """A temporary function that costs nothing."""
    made = await attempt.leaks(LEAKING_FUNCTION, options="")
    if is_over(made):
        return made
    return await attempt.leaks("SELECT FROM {table} WHERE pg_temp.tenantry_leak({column}::text, {attacker}::text)")


@table_attack("leak", "filter by an operator of its own that shows its argument")
async def leaky_operator(attempt: Attempt) -> Verdict:
    """A temporary operator, with an estimator that calls it on the values in the statistics."""
    made = await attempt.leaks(LEAKING_FUNCTION, options="")
    if is_over(made):
        return made
    made = await attempt.leaks(
        "CREATE OPERATOR pg_temp.<<<< (LEFTARG = text, RIGHTARG = text, FUNCTION = pg_temp.tenantry_leak, "
        "RESTRICT = eqsel)"
    )
    if is_over(made):
        return made
    return await attempt.leaks(
        "EXPLAIN SELECT FROM {table} WHERE {column}::text OPERATOR(pg_temp.<<<<) {attacker}::text; "
        "SELECT FROM {table} WHERE {column}::text OPERATOR(pg_temp.<<<<) {attacker}::text"
    )


@table_attack("leak", "declare a function of its own leakproof")
async def leakproof_function(attempt: Attempt) -> Verdict:
    """LEAKPROOF, which only a superuser may declare. PostgreSQL would call such a function before the policy."""
    made = await attempt.leaks(LEAKING_FUNCTION, options="LEAKPROOF")
    if is_over(made):
        return made
    told = await attempt.leaks("SELECT FROM {table} WHERE pg_temp.tenantry_leak({column}::text, {attacker}::text)")
    if told.outcome is Outcome.BREACH:
        return told
    return breach("The server let the attacker declare a function leakproof.")
