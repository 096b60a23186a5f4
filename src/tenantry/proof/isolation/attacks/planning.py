"""Attacks on plans: what plans and counters show of rows that a policy hides.

The catalog shows every role how many rows a table has. It must not show whose rows they are.
"""

from __future__ import annotations

import json

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, limit


@table_attack("plan", "learn from EXPLAIN ANALYZE how many rows of others a scan read", in_every_binding=False)
async def explain_analyze(attempt: Attempt) -> Verdict:
    """Too many rows in the result are a breach. The number of rows that a filter removed is a limit."""
    await attempt.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    rows = await attempt.fetch(
        attempt.fill("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) SELECT FROM {table}")
    )
    top, removed = _read_plan(str(rows[0][0]))
    verdict = attempt.judge_count(top)
    if verdict.outcome is Outcome.BLOCKED and removed:
        return limit(f"EXPLAIN ANALYZE shows that a filter removed {removed} rows of others, and not their values.")
    return verdict


def _read_plan(text: str) -> tuple[int, int]:
    """Return how many rows a plan gave, and how many its filters removed."""
    top = json.loads(text)[0]["Plan"]
    nodes, removed = [top], 0
    while nodes:
        node = nodes.pop()
        removed += int(node.get("Rows Removed by Filter", 0)) * int(node.get("Actual Loops", 1))
        nodes += node.get("Plans", ())
    return int(top["Actual Rows"]), removed


@table_attack("plan", "learn from the catalog how large a table is", in_every_binding=False)
async def table_volume(attempt: Attempt) -> Verdict:
    """pg_class, the size functions and the cumulative statistics count the rows of all tenants together."""
    (row,) = await attempt.fetch(
        attempt.fill(
            "SELECT c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS bytes, "
            "pg_stat_get_live_tuples(c.oid) AS live FROM pg_class AS c WHERE c.oid = {name}::regclass",
            name=sql.literal(attempt.table),
        )
    )
    if row["bytes"] or row["live"] or row["rows"] > 0:
        return limit(f"The catalog shows the size of the table for all tenants together: {row['bytes']} bytes.")
    return blocked("the catalog shows no size yet")
