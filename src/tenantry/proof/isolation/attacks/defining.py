"""Attacks on a table as a whole: locks, TRUNCATE and the DDL that only an owner may run.

They do not depend on the tenant, so each is tried in the attacker's own binding only. A lock that the application's
privileges allow is a limit: it delays other sessions, and shows no row.
"""

from __future__ import annotations

import asyncpg

from tenantry import sql
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, limit, skipped

LOCK_NOT_AVAILABLE = "55P03"

# Any of these lets a role take every mode (manual, LOCK).
LOCKING = frozenset({"UPDATE", "DELETE", "TRUNCATE"})


@table_attack("lock", "lock all other sessions out of a table", in_every_binding=False)
async def lock_table(attempt: Attempt) -> Verdict:
    """LOCK ... ACCESS EXCLUSIVE. A lock of another session makes no difference."""
    try:
        await attempt.execute(attempt.fill("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE NOWAIT"))
    except asyncpg.PostgresError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            return attempt.judge(error)
    if attempt.facts.privileges & LOCKING:
        return limit("A role that may update or delete rows may lock the table: this delays others, and shows nothing.")
    return breach("The table was locked without a privilege to change its rows.")


@table_attack("lock", "keep the owner from changing a table", in_every_binding=False)
async def lock_share_update_exclusive(attempt: Attempt) -> Verdict:
    """LOCK in the mode that VACUUM and CREATE INDEX CONCURRENTLY take."""
    try:
        await attempt.execute(attempt.fill("LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE NOWAIT"))
    except asyncpg.PostgresError as error:
        if sqlstate_of(error) != LOCK_NOT_AVAILABLE:
            return attempt.judge(error)
    if attempt.facts.privileges & LOCKING:
        return limit("A role that may update or delete rows may lock the table: this delays others, and shows nothing.")
    return breach("The table was locked without a privilege to change its rows.")


@table_attack("definition", "empty a table", in_every_binding=False)
async def truncate(attempt: Attempt) -> Verdict:
    """TRUNCATE, which ignores row security. A refusal for a reference (0A000) means that the privilege is there."""
    try:
        await attempt.execute(attempt.fill("TRUNCATE {table}"))
    except asyncpg.PostgresError as error:
        if sqlstate_of(error) != "0A000":
            return attempt.judge(error)
        return breach("TRUNCATE is allowed; only a reference to the table refused it.")
    return breach("The table was emptied of every tenant's rows.")


@table_attack("definition", "empty a table and all that refer to it", in_every_binding=False)
async def truncate_cascade(attempt: Attempt) -> Verdict:
    """TRUNCATE ... CASCADE."""
    return await attempt.refused(attempt.fill("TRUNCATE {table} CASCADE"), "empty the table of every tenant's rows")


@table_attack("definition", "grant itself more on a table", in_every_binding=False)
async def grant_itself(attempt: Attempt) -> Verdict:
    """GRANT only warns where nothing can be granted, so what counts is what the role may do afterwards."""
    table = sql.literal(attempt.table)
    question = f"SELECT has_table_privilege({table}, 'TRUNCATE')"
    before = (await attempt.fetch(question))[0][0]
    refused = await attempt.refused(attempt.fill("GRANT ALL ON {table} TO CURRENT_USER"))
    if refused.outcome is not Outcome.BREACH:
        return refused
    if (await attempt.fetch(question))[0][0] and not before:
        return breach("It granted itself TRUNCATE.")
    if (await attempt.fetch(f"SELECT has_table_privilege({table}, 'SELECT WITH GRANT OPTION')"))[0][0]:
        return breach("It may grant what it may do to others.")
    return blocked("nothing was granted")


@table_attack("definition", "grow a child table of its own", in_every_binding=False)
async def inherit(attempt: Attempt) -> Verdict:
    """A child's rows appear in its parent, for every tenant."""
    if attempt.facts.is_partitioned:
        return skipped("a partitioned table has partitions, and no heirs")
    return await attempt.refused(
        attempt.fill("CREATE TEMPORARY TABLE tenantry_heir () INHERITS ({table})"), "add a child to the table"
    )


@table_attack("definition", "name a table in a foreign key of its own", in_every_binding=False)
async def reference_it(attempt: Attempt) -> Verdict:
    """REFERENCES shows which keys exist. A table in pg_temp cannot use it, so the privilege itself is checked."""
    if "REFERENCES" in attempt.facts.privileges:
        return breach("The application may refer to the table, and so test which keys other tenants have.")
    return blocked("the application may not refer to the table")


# What only an owner may do to a table. Each ends in a rollback, also where the server accepts it.
STATEMENTS = {
    "disable_row_security": ("switch a table's row security off", "ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
    "unforce_row_security": ("exempt the owner from row security", "ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"),
    "create_policy": ("add a policy that accepts every row", "CREATE POLICY tenantry_open ON {table} USING (true)"),
    "alter_policy": (
        "make the tenant policy accept every row",
        "ALTER POLICY tenant_isolation_policy ON {table} USING (true)",
    ),
    "drop_policy": ("drop the tenant policy", "DROP POLICY tenant_isolation_policy ON {table}"),
    "take_ownership": ("become the owner of a table", "ALTER TABLE {table} OWNER TO CURRENT_USER"),
    "add_column": ("add a column", "ALTER TABLE {table} ADD COLUMN tenantry_column integer"),
    "alter_default": ("change the tenant's default", "ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT"),
    "rename_table": ("rename a table", "ALTER TABLE {table} RENAME TO tenantry_renamed"),
    "drop_table": ("drop a table", "DROP TABLE {table} CASCADE"),
    "create_index": ("build an index on every row", "CREATE INDEX tenantry_index ON {table} ({column})"),
    "create_trigger": (
        "run a trigger on others' rows",
        (
            "CREATE TRIGGER tenantry_trigger BEFORE UPDATE ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION pg_catalog.suppress_redundant_updates_trigger()"
        ),
    ),
    "disable_triggers": ("switch a table's triggers off", "ALTER TABLE {table} DISABLE TRIGGER USER"),
    "create_rule": (
        "rewrite others' statements",
        "CREATE RULE tenantry_rule AS ON UPDATE TO {table} DO INSTEAD NOTHING",
    ),
    "create_statistics": (
        "create extended statistics of every row",
        "CREATE STATISTICS tenantry_statistics ON {column}, ({column}::text) FROM {table}",
    ),
    "comment_table": ("write a comment on a table", "COMMENT ON TABLE {table} IS 'tenantry'"),
    "set_storage": ("switch a table's autovacuum off", "ALTER TABLE {table} SET (autovacuum_enabled = false)"),
}


def _register(name: str, sentence: str, template: str) -> None:
    async def run(attempt: Attempt) -> Verdict:
        return await attempt.refused(attempt.fill(template), sentence)

    run.__name__ = name
    table_attack("definition", sentence, in_every_binding=False)(run)


for _name, (_sentence, _template) in STATEMENTS.items():
    _register(_name, _sentence, _template)
