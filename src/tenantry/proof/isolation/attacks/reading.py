"""Attacks that read: the policy must apply in every form in which SQL can name a table's rows."""

from __future__ import annotations

from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.session import is_over
from tenantry.proof.isolation.verdict import Outcome, Verdict, skipped


@table_attack("read", "read every row of a table")
async def select_all(attempt: Attempt) -> Verdict:
    """SELECT without a condition."""
    return await attempt.reads("SELECT {tenant} FROM {table}")


@table_attack("read", "read the rows of the victim by its tenant")
async def select_victim(attempt: Attempt) -> Verdict:
    """SELECT with the victim's tenant."""
    return await attempt.reads("SELECT {tenant} FROM {table} WHERE {column} = {victim}")


@table_attack("read", "read with ONLY, past inheritance")
async def select_only(attempt: Attempt) -> Verdict:
    """SELECT ... FROM ONLY."""
    return await attempt.reads("SELECT {tenant} FROM ONLY {table}")


@table_attack("read", "count all rows")
async def select_count(attempt: Attempt) -> Verdict:
    """An aggregate over the whole table."""
    return await attempt.counts("SELECT count(*) FROM {table}")


@table_attack("read", "count rows with a window function")
async def select_window(attempt: Attempt) -> Verdict:
    """A window over the whole table."""
    return await attempt.counts("SELECT count(*) OVER () FROM {table} ORDER BY row_number() OVER () LIMIT 1")


@table_attack("read", "group all rows by tenant, with a grand total")
async def select_grouped(attempt: Attempt) -> Verdict:
    """GROUPING SETS."""
    totals = await attempt.counts("SELECT count(*) FROM {table} GROUP BY GROUPING SETS (({column}), ())")
    if is_over(totals):
        return totals
    return await attempt.reads("SELECT {tenant} FROM {table} GROUP BY ROLLUP ({column})")


@table_attack("read", "ask whether the victim has a row")
async def select_exists(attempt: Attempt) -> Verdict:
    """EXISTS, and a scalar subquery with the same answer."""
    return await attempt.reads(
        "SELECT {victim}::text AS tenant WHERE EXISTS (SELECT FROM {table} WHERE {column} = {victim}) "
        "UNION ALL SELECT (SELECT max({column}::text) FROM {table} WHERE {column} = {victim})"
    )


@table_attack("read", "read through a derived table")
async def select_subquery(attempt: Attempt) -> Verdict:
    """A subquery that the planner may flatten, and one that it must not."""
    return await attempt.reads(
        "SELECT tenant FROM (SELECT {tenant} FROM {table}) AS flat "
        "UNION ALL SELECT tenant FROM (SELECT {tenant} FROM {table} OFFSET 0) AS fenced"
    )


@table_attack("read", "read through common table expressions")
async def select_cte(attempt: Attempt) -> Verdict:
    """WITH, materialized and not."""
    return await attempt.reads(
        "WITH kept AS MATERIALIZED (SELECT * FROM {table}), merged AS NOT MATERIALIZED (SELECT * FROM {table}) "
        "SELECT {tenant} FROM kept UNION ALL SELECT {tenant} FROM merged"
    )


@table_attack("read", "read through a recursive query")
async def select_recursive(attempt: Attempt) -> Verdict:
    """WITH RECURSIVE, the table inside the recursion."""
    return await attempt.reads(
        "WITH RECURSIVE walk (tenant, depth) AS (SELECT NULL::text, 1 UNION ALL "
        "SELECT t.{column}::text, depth + 1 FROM walk CROSS JOIN {table} AS t WHERE depth < 2) SELECT tenant FROM walk"
    )


@table_attack("read", "read through a LATERAL join")
async def select_lateral(attempt: Attempt) -> Verdict:
    """LATERAL with the victim's tenant from outside."""
    return await attempt.reads(
        "SELECT found.tenant FROM (VALUES ({victim}), ({bystander})) AS wanted (tenant), "
        "LATERAL (SELECT t.{column}::text AS tenant FROM {table} AS t WHERE t.{column} = wanted.tenant) AS found"
    )


@table_attack("read", "read through outer joins")
async def select_joined(attempt: Attempt) -> Verdict:
    """Outer joins, where a filter on the wrong side lets rows through."""
    return await attempt.reads(
        "SELECT t.{column}::text AS tenant FROM (VALUES (1)) AS one (number) FULL JOIN {table} AS t ON false "
        "UNION ALL SELECT t.{column}::text FROM {table} AS t LEFT JOIN {table} AS s ON s.{column} = {victim}"
    )


@table_attack("read", "read through set operations")
async def select_combined(attempt: Attempt) -> Verdict:
    """EXCEPT and INTERSECT."""
    return await attempt.reads(
        "(SELECT {tenant} FROM {table} EXCEPT ALL SELECT {attacker}::text) "
        "UNION ALL (SELECT {tenant} FROM {table} INTERSECT SELECT {victim}::text)"
    )


@table_attack("read", "read a sample")
async def select_sampled(attempt: Attempt) -> Verdict:
    """TABLESAMPLE of everything, by page and by row."""
    return await attempt.reads(
        "SELECT {tenant} FROM {table} TABLESAMPLE SYSTEM (100) "
        "UNION ALL SELECT {tenant} FROM {table} TABLESAMPLE BERNOULLI (100)"
    )


@table_attack("read", "read a row by its physical place")
async def select_by_place(attempt: Attempt) -> Verdict:
    """The victim's own ctid and tableoid."""
    row = attempt.victim_row
    return await attempt.reads(
        "SELECT {tenant} FROM {table} WHERE ctid = '{ctid}' AND tableoid = {tableoid}::oid AND xmin <> '0'",
        ctid=row["ctid"] or "",
        tableoid=row["tableoid"] or "",
    )


@table_attack("read", "lock the rows of others while reading them")
async def select_for_update(attempt: Attempt) -> Verdict:
    """SELECT ... FOR UPDATE, which also meets the policies for UPDATE."""
    return await attempt.reads("SELECT {tenant} FROM {table} WHERE {column} <> {attacker} FOR UPDATE SKIP LOCKED")


@table_attack("read", "keep the rows of others from being deleted while reading them")
async def select_for_key_share(attempt: Attempt) -> Verdict:
    """SELECT ... FOR KEY SHARE."""
    return await attempt.reads("SELECT {tenant} FROM {table} WHERE {column} <> {attacker} FOR KEY SHARE NOWAIT")


@table_attack("read", "switch row security off")
async def row_security_off(attempt: Attempt) -> Verdict:
    """`row_security = off` must raise an error and return no rows."""
    await attempt.execute("SET LOCAL row_security = off")
    return await attempt.reads("SELECT {tenant} FROM {table}")


@table_attack("read", "read through a view of its own")
async def temporary_view(attempt: Attempt) -> Verdict:
    """A temporary view over the table."""
    return await _through_view(attempt, "CREATE TEMPORARY VIEW tenantry_view AS SELECT {tenant} FROM {table}")


async def _through_view(attempt: Attempt, template: str) -> Verdict:
    refused = await attempt.refused(attempt.fill(template))
    if refused.outcome is not Outcome.BREACH:
        return refused
    return await attempt.reads("SELECT tenant FROM pg_temp.tenantry_view")


@table_attack("read", "keep a copy in a table of its own")
async def create_table_as(attempt: Attempt) -> Verdict:
    """CREATE TEMPORARY TABLE AS."""
    template = "CREATE TEMPORARY TABLE tenantry_view ON COMMIT DROP AS SELECT {tenant} FROM {table}"
    return await _through_view(attempt, template)


@table_attack("read", "read through a cursor")
async def cursor(attempt: Attempt) -> Verdict:
    """DECLARE and FETCH, forwards and backwards."""
    await attempt.execute(attempt.fill("DECLARE tenantry_cursor SCROLL CURSOR FOR SELECT {tenant} FROM {table}"))
    forwards = await attempt.reads("FETCH ALL FROM tenantry_cursor")
    if is_over(forwards):
        return forwards
    return await attempt.reads("FETCH BACKWARD ALL FROM tenantry_cursor")


@table_attack("read", "read in an anonymous block")
async def do_block(attempt: Attempt) -> Verdict:
    """DO, which shows what it saw in the text of an error."""
    return await attempt.leaks(
        "DO $block$ DECLARE seen text; BEGIN "
        "SELECT string_agg({column}::text, ',') INTO seen FROM {table} WHERE {column} <> {attacker}; "
        "IF seen IS NOT NULL THEN RAISE EXCEPTION '{marker}%', seen; END IF; END $block$"
    )


@table_attack("copy", "copy a table out")
async def copy_out(attempt: Attempt) -> Verdict:
    """COPY table TO STDOUT, which must send what SELECT would."""
    if attempt.facts.is_partitioned:
        return skipped("COPY TO cannot name a partitioned table; see copy_out_query")
    return await attempt.copies("{table} ({column})")


@table_attack("copy", "copy a query out")
async def copy_out_query(attempt: Attempt) -> Verdict:
    """COPY (query) TO STDOUT."""
    return await attempt.copies("(SELECT {column} FROM {table})")


@table_attack("copy", "copy rows of the victim in")
async def copy_in(attempt: Attempt) -> Verdict:
    """COPY FROM, which row security always refuses (0A000)."""
    return await attempt.copies_in()
