"""Attacks that write: no statement may make, change, move or remove a row of another tenant.

Each aims at the victim alone, so that a single row that it touches is a breach.
"""

from __future__ import annotations

from tenantry import sql
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.duel import Duel
from tenantry.proof.isolation.verdict import Verdict, skipped

# The cursor found no row to stand on.
NOT_ON_A_ROW = frozenset({"24000"})

# Nobody may give a column a value that is an identity GENERATED ALWAYS, row security or not.
GENERATED_ALWAYS = frozenset({"428C9"})


@table_attack("write", "insert a row for the victim")
async def insert_for_victim(duel: Duel) -> Verdict:
    """INSERT that names the tenant."""
    return await duel.writes("INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")


@table_attack("write", "insert a row for the victim from a query")
async def insert_select(duel: Duel) -> Verdict:
    """INSERT ... SELECT, where the tenant comes from a row."""
    return await duel.writes(
        "INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE "
        "SELECT s.* FROM (VALUES ({values})) AS s ({columns}) WHERE s.{column} = {victim}"
    )


@table_attack("write", "insert a row for the victim and have it returned")
async def insert_returning(duel: Duel) -> Verdict:
    """INSERT ... RETURNING inside a WITH."""
    return await duel.reads_written(
        "WITH made AS (INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) RETURNING *) "
        "SELECT {tenant} FROM made"
    )


@table_attack("write", "update the rows of the victim")
async def update_rows(duel: Duel) -> Verdict:
    """UPDATE with the victim's tenant."""
    return await duel.writes("UPDATE {table} SET {same} WHERE {column} = {victim}")


@table_attack("write", "update every row that is not its own")
async def update_others(duel: Duel) -> Verdict:
    """UPDATE with a condition that names nobody."""
    return await duel.writes("UPDATE {table} SET {same} WHERE {column} <> {attacker}")


@table_attack("write", "give a row of its own to the victim")
async def update_give(duel: Duel) -> Verdict:
    """UPDATE of the tenant column to another tenant."""
    return await duel.writes(
        "UPDATE {table} SET {column} = {victim} WHERE {column} = {attacker}", also=GENERATED_ALWAYS
    )


@table_attack("write", "take a row of the victim over")
async def update_steal(duel: Duel) -> Verdict:
    """UPDATE of the tenant column to one's own."""
    return await duel.writes(
        "UPDATE {table} SET {column} = {attacker} WHERE {column} = {victim}", also=GENERATED_ALWAYS
    )


@table_attack("write", "update rows of the victim through a join")
async def update_from(duel: Duel) -> Verdict:
    """UPDATE ... FROM."""
    return await duel.writes(
        "UPDATE {table} AS t SET {same_of_t} FROM (VALUES ({victim}), ({bystander})) AS v (tenant) "
        "WHERE t.{column} = v.tenant"
    )


@table_attack("write", "see rows of the victim by updating them")
async def update_returning(duel: Duel) -> Verdict:
    """UPDATE ... RETURNING inside a WITH."""
    return await duel.reads_written(
        "WITH changed AS (UPDATE {table} SET {same} WHERE {column} <> {attacker} RETURNING *) "
        "SELECT {tenant} FROM changed"
    )


@table_attack("write", "update the row of the victim that a cursor stands on")
async def update_at_cursor(duel: Duel) -> Verdict:
    """UPDATE ... WHERE CURRENT OF, whose condition no index and no filter needs."""
    await duel.execute(
        duel.fill(
            "DECLARE tenantry_cursor CURSOR FOR SELECT * FROM {table} WHERE {column} <> {attacker}; "
            "FETCH 1 FROM tenantry_cursor"
        )
    )
    return await duel.writes("UPDATE {table} SET {same} WHERE CURRENT OF tenantry_cursor", also=NOT_ON_A_ROW)


@table_attack("write", "delete the rows of the victim")
async def delete_rows(duel: Duel) -> Verdict:
    """DELETE with the victim's tenant."""
    return await duel.writes("DELETE FROM {table} WHERE {column} = {victim}")


@table_attack("write", "delete every row that is not its own")
async def delete_others(duel: Duel) -> Verdict:
    """DELETE with a condition that names nobody."""
    return await duel.writes("DELETE FROM {table} WHERE {column} <> {attacker}")


@table_attack("write", "delete rows of the victim through a join")
async def delete_using(duel: Duel) -> Verdict:
    """DELETE ... USING."""
    return await duel.writes(
        "DELETE FROM {table} AS t USING (VALUES ({victim}), ({bystander})) AS v (tenant) WHERE t.{column} = v.tenant"
    )


@table_attack("write", "see rows of the victim by deleting them")
async def delete_returning(duel: Duel) -> Verdict:
    """DELETE ... RETURNING inside a WITH."""
    return await duel.reads_written(
        "WITH gone AS (DELETE FROM {table} WHERE {column} <> {attacker} RETURNING *) SELECT {tenant} FROM gone"
    )


@table_attack("write", "overwrite a row of the victim by INSERT ... ON CONFLICT DO UPDATE")
async def upsert_update(duel: Duel) -> Verdict:
    """An upsert of the victim's own row."""
    key = duel.arbiter
    if key is None:
        return skipped("the table has no unique key that ON CONFLICT could name")
    return await duel.writes(
        "INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) "
        "ON CONFLICT ({key}) DO UPDATE SET {same_of_t}",
        key=", ".join(map(sql.identifier, key.columns)),
    )


@table_attack("write", "learn of a row of the victim by INSERT ... ON CONFLICT DO NOTHING")
async def upsert_nothing(duel: Duel) -> Verdict:
    """An upsert of the victim's own row that passes over the conflict."""
    if duel.arbiter is None:
        return skipped("the table has no unique key that ON CONFLICT could name")
    return await duel.refused(
        duel.fill("INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values}) ON CONFLICT DO NOTHING"),
        "insert a row for the victim where none conflicts",
    )


async def _merges(duel: Duel, action: str) -> Verdict:
    if duel.connection.get_server_version() < (15,):
        return skipped("there is no MERGE before PostgreSQL 15")
    return await duel.writes(
        "MERGE INTO {table} AS t USING (VALUES ({victim}), ({bystander})) AS v (tenant) ON t.{column} = v.tenant "
        + action
    )


@table_attack("merge", "update rows of the victim by MERGE")
async def merge_update(duel: Duel) -> Verdict:
    """MERGE ... WHEN MATCHED THEN UPDATE."""
    change = "{column} = {attacker}" if duel.can_move else "{same_of_t}"
    return await _merges(duel, f"WHEN MATCHED THEN UPDATE SET {change}")


@table_attack("merge", "delete rows of the victim by MERGE")
async def merge_delete(duel: Duel) -> Verdict:
    """MERGE ... WHEN MATCHED THEN DELETE."""
    return await _merges(duel, "WHEN MATCHED THEN DELETE")


@table_attack("merge", "insert a row for the victim by MERGE")
async def merge_insert(duel: Duel) -> Verdict:
    """MERGE ... WHEN NOT MATCHED THEN INSERT, with a condition that nothing matches."""
    if duel.connection.get_server_version() < (15,):
        return skipped("there is no MERGE before PostgreSQL 15")
    return await duel.writes(
        "MERGE INTO {table} AS t USING (VALUES (1)) AS v (number) ON false "
        "WHEN NOT MATCHED THEN INSERT ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})"
    )
