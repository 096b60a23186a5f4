"""Attacks on plans: what the planner and its counters tell of rows that a policy hides.

That there are rows at all, and how many, stands in the catalog for everybody. Whose they are must stand nowhere.
"""

from __future__ import annotations

import json

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, limit


@table_attack("plan", "learn from EXPLAIN ANALYZE how many rows of others a scan met", in_every_binding=False)
async def explain_analyze(attempt: Attempt) -> Verdict:
    """The rows that came out are a breach; the number of those that a filter removed is a limit."""
    await attempt.execute("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off")
    rows = await attempt.fetch(
        attempt.fill("EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) SELECT FROM {table}")
    )
    top, removed = _read_plan(str(rows[0][0]))
    verdict = attempt.judge_count(top)
    if verdict.outcome is Outcome.BLOCKED and removed:
        return limit(f"EXPLAIN ANALYZE tells that a scan passed {removed} rows of others over, and nothing of them.")
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
    """pg_class, the size functions and the cumulative statistics tell of all tenants together."""
    (row,) = await attempt.fetch(
        attempt.fill(
            "SELECT c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS bytes, "
            "pg_stat_get_live_tuples(c.oid) AS live FROM pg_class AS c WHERE c.oid = {name}::regclass",
            name=sql.literal(attempt.table),
        )
    )
    if row["bytes"] or row["live"] or row["rows"] > 0:
        return limit(f"The catalog tells how large the table is for all tenants together: {row['bytes']} bytes.")
    return blocked("the catalog tells nothing yet")
