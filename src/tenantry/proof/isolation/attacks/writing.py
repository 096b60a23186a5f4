"""Attacks that write: no statement may insert, update, move or delete a row of another tenant.

Each aims at rows of other tenants only, so that every row that it writes is a breach.
"""

from __future__ import annotations

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Verdict, skipped

# The cursor has no current row.
NOT_ON_A_ROW = frozenset({"24000"})

# No role may set a column that is an identity GENERATED ALWAYS, with or without row security.
GENERATED_ALWAYS = frozenset({"428C9"})


@table_attack("write", "insert a row for the victim")
async def insert_for_victim(attempt: Attempt) -> Verdict:
    """INSERT that names the tenant."""
    return await attempt.writes("INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")


@table_attack("write", "insert a row for the victim from a query")
async def insert_select(attempt: Attempt) -> Verdict:
    """INSERT ... SELECT, where the tenant comes from a row."""
    return await attempt.writes(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "
        "SELECT s.* FROM (VALUES ({values})) AS s ({columns}) WHERE s.{column} = {victim}"
    )


@table_attack("write", "insert a row for the victim and have it returned")
async def insert_returning(attempt: Attempt) -> Verdict:
    """INSERT ... RETURNING inside a WITH."""
    return await attempt.reads_written(
        "WITH made AS (INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) RETURNING *) "
        "SELECT {tenant} FROM made"
    )


@table_attack("write", "update the rows of the victim")
async def update_rows(attempt: Attempt) -> Verdict:
    """UPDATE with the victim's tenant."""
    return await attempt.writes("UPDATE {table} SET {same} WHERE {column} = {victim}")


@table_attack("write", "update every row that is not its own")
async def update_others(attempt: Attempt) -> Verdict:
    """UPDATE with a condition that names no victim."""
    return await attempt.writes("UPDATE {table} SET {same} WHERE {column} <> {attacker}")


@table_attack("write", "give a row of its own to the victim")
async def update_give(attempt: Attempt) -> Verdict:
    """UPDATE of the tenant column to another tenant."""
    return await attempt.writes(
        "UPDATE {table} SET {column} = {victim} WHERE {column} = {attacker}", also=GENERATED_ALWAYS
    )


@table_attack("write", "take over a row of the victim")
async def update_steal(attempt: Attempt) -> Verdict:
    """UPDATE of the tenant column to the attacker's own tenant."""
    return await attempt.writes(
        "UPDATE {table} SET {column} = {attacker} WHERE {column} = {victim}", also=GENERATED_ALWAYS
    )


@table_attack("write", "update rows of the victim through a join")
async def update_from(attempt: Attempt) -> Verdict:
    """UPDATE ... FROM."""
    return await attempt.writes(
        "UPDATE {table} AS t SET {same_of_t} FROM (VALUES ({victim}), ({bystander})) AS v (tenant) "
        "WHERE t.{column} = v.tenant"
    )


@table_attack("write", "see rows of the victim by updating them")
async def update_returning(attempt: Attempt) -> Verdict:
    """UPDATE ... RETURNING inside a WITH."""
    return await attempt.reads_written(
        "WITH changed AS (UPDATE {table} SET {same} WHERE {column} <> {attacker} RETURNING *) "
        "SELECT {tenant} FROM changed"
    )


@table_attack("write", "update the row of the victim that is a cursor's current row")
async def update_at_cursor(attempt: Attempt) -> Verdict:
    """UPDATE ... WHERE CURRENT OF, which needs no condition on a column."""
    await attempt.execute(
        attempt.fill(
            "DECLARE tenantry_cursor CURSOR FOR SELECT * FROM {table} WHERE {column} <> {attacker}; "
            "FETCH 1 FROM tenantry_cursor"
        )
    )
    return await attempt.writes("UPDATE {table} SET {same} WHERE CURRENT OF tenantry_cursor", also=NOT_ON_A_ROW)


@table_attack("write", "delete the rows of the victim")
async def delete_rows(attempt: Attempt) -> Verdict:
    """DELETE with the victim's tenant."""
    return await attempt.writes("DELETE FROM {table} WHERE {column} = {victim}")


@table_attack("write", "delete every row that is not its own")
async def delete_others(attempt: Attempt) -> Verdict:
    """DELETE with a condition that names no victim."""
    return await attempt.writes("DELETE FROM {table} WHERE {column} <> {attacker}")


@table_attack("write", "delete rows of the victim through a join")
async def delete_using(attempt: Attempt) -> Verdict:
    """DELETE ... USING."""
    return await attempt.writes(
        "DELETE FROM {table} AS t USING (VALUES ({victim}), ({bystander})) AS v (tenant) WHERE t.{column} = v.tenant"
    )


@table_attack("write", "see rows of the victim by deleting them")
async def delete_returning(attempt: Attempt) -> Verdict:
    """DELETE ... RETURNING inside a WITH."""
    return await attempt.reads_written(
        "WITH gone AS (DELETE FROM {table} WHERE {column} <> {attacker} RETURNING *) SELECT {tenant} FROM gone"
    )


@table_attack("write", "overwrite a row of the victim by INSERT ... ON CONFLICT DO UPDATE")
async def upsert_update(attempt: Attempt) -> Verdict:
    """An upsert of the victim's own row."""
    key = attempt.arbiter
    if key is None:
        return skipped("the table has no unique key that ON CONFLICT can name")
    return await attempt.writes(
        "INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) "
        "ON CONFLICT ({key}) DO UPDATE SET {same_of_t}",
        key=", ".join(map(sql.identifier, key.columns)),
    )


@table_attack("write", "learn of a row of the victim by INSERT ... ON CONFLICT DO NOTHING")
async def upsert_nothing(attempt: Attempt) -> Verdict:
    """An upsert of the victim's own row that ignores the conflict."""
    if attempt.arbiter is None:
        return skipped("the table has no unique key that ON CONFLICT can name")
    return await attempt.refused(
        attempt.fill(
            "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) ON CONFLICT DO NOTHING"
        ),
        "insert a row for the victim without a conflict",
    )


async def _merges(attempt: Attempt, action: str) -> Verdict:
    if attempt.connection.get_server_version() < (15,):
        return skipped("PostgreSQL has MERGE since version 15")
    return await attempt.writes(
        "MERGE INTO {table} AS t USING (VALUES ({victim}), ({bystander})) AS v (tenant) ON t.{column} = v.tenant "
        + action
    )


@table_attack("merge", "update rows of the victim by MERGE")
async def merge_update(attempt: Attempt) -> Verdict:
    """MERGE ... WHEN MATCHED THEN UPDATE."""
    change = "{column} = {attacker}" if attempt.can_move else "{same_of_t}"
    return await _merges(attempt, f"WHEN MATCHED THEN UPDATE SET {change}")


@table_attack("merge", "delete rows of the victim by MERGE")
async def merge_delete(attempt: Attempt) -> Verdict:
    """MERGE ... WHEN MATCHED THEN DELETE."""
    return await _merges(attempt, "WHEN MATCHED THEN DELETE")


@table_attack("merge", "insert a row for the victim by MERGE")
async def merge_insert(attempt: Attempt) -> Verdict:
    """MERGE ... WHEN NOT MATCHED THEN INSERT, with a condition that is never true."""
    if attempt.connection.get_server_version() < (15,):
        return skipped("PostgreSQL has MERGE since version 15")
    return await attempt.writes(
        "MERGE INTO {table} AS t USING (VALUES (1)) AS v (number) ON false "
        "WHEN NOT MATCHED THEN INSERT ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    )
