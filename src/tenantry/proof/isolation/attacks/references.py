"""Attacks through references: PostgreSQL checks a foreign key against all rows, whatever the policies say.

The table must prevent them by references that include the tenant. All are tried in the attacker's own binding, because
it can write rows there only. Only a refusal by the reference counts: if a check or a key refuses a row, nothing is
proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import asyncpg

from tenantry import sql
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attacker_facts import ReferenceFact
from tenantry.proof.isolation.attacks.similar_rows import INSERT, UNFIT, made_up_value, similar_rows
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, skipped

NO_REFERENCE = "no reference of the table to a tenant table has columns besides the tenant"
NO_ROW = "no row could be made up that only a reference refuses"
NO_PARENT = "23503"
DUPLICATES = frozenset({"23505", "23P01"})
# How many of its own rows the attacker results: the one may meet a key or a check where the other does not.
ROWS = 3

# The actions that change the referring row, by their letter in pg_constraint.
ACTIONS = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

# Rows that are written to a partition count for its table.
DELETED = (
    "SELECT n.nspname::text AS schema, c.relname::text AS name, sum(s.n_tup_del + s.n_tup_upd)::bigint AS touched "
    "FROM pg_stat_xact_user_tables AS s JOIN pg_class AS c ON c.oid = coalesce(pg_partition_root(s.relid), s.relid) "
    "JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = ANY (ARRAY[{tables}]::regclass[]) GROUP BY 1, 2"
)
HELD = frozenset({"23503", "23001"})
UPDATE = (
    "SET CONSTRAINTS ALL IMMEDIATE; UPDATE {table} SET {changes} "
    "WHERE {column} = {attacker} AND ctid = '{ctid}' AND tableoid = {tableoid}::oid"
)


def _references(attempt: Attempt) -> list[tuple[ReferenceFact, list[str]]]:
    """Return the references to tenant tables, each with its columns except the tenant."""
    tables = attempt.known.tables
    found = [
        (fact, [name for name in fact.columns if name != attempt.target.tenant_column])
        for fact in attempt.facts.references
        if fact.target in tables
    ]
    return [(fact, columns) for fact, columns in found if columns]


def _aim(
    attempt: Attempt, fact: ReferenceFact, columns: Sequence[str], whose: str, other: str
) -> dict[str, str] | None:
    """Return values that refer to a row of `whose` and to no row of `other`; None if no row fits."""
    parents = attempt.known.tables[fact.target]
    pairs = dict(zip(fact.columns, fact.target_columns, strict=True))
    keys = {
        tenant: [tuple(row[pairs[name]] for name in columns) for row in parents.rows.get(tenant, ())]
        for tenant in (whose, other)
    }
    for key in keys[whose]:
        # NULL satisfies every reference.
        if None not in key and key not in keys[other]:
            return {name: attempt.facts.literal(name, value) for name, value in zip(columns, key, strict=True)}
    return None


def _inserts(attempt: Attempt, fact: ReferenceFact, tenant: str, aim: dict[str, str] | None) -> list[str]:
    """Return INSERTs of rows of a tenant that refer by `fact` to the values `aim`."""
    if aim is None:
        return []
    # A copy of the row that `aim` refers to could have the same key, and would then refer to itself.
    like = attempt.facts.rows[tenant][0] if fact.target == (attempt.target.schema, attempt.target.name) else None
    return [attempt.fill(INSERT, row=row) for row in similar_rows(attempt, tenant, aim, like)]


async def _refer(attempt: Attempt, preamble: str, statements: Iterable[str], found: str) -> Verdict | None:
    """Send statements until a reference decides. Return None if another constraint refused all of them."""
    for statement in statements:
        attempt.begin(preamble)
        try:
            status = await attempt.execute(statement)
        except asyncpg.PostgresError as error:
            state = sqlstate_of(error) or ""
            if state == NO_PARENT:
                return blocked(f"refused ({state})")
            if not state.startswith(UNFIT):
                return attempt.judge(error)
        else:
            if not status.endswith(" 0"):
                return breach(found)
    return None


def _sum_up(told: Sequence[Verdict | None], none: str) -> Verdict:
    """Return one verdict for all references of a table."""
    answers = [one for one in told if one is not None]
    for one in answers:
        if one.outcome is not Outcome.BLOCKED:
            return one
    if not told:
        return skipped(none)
    if not answers:
        return skipped(NO_ROW)
    return blocked(f"refused by {len(answers)} of {len(told)} references", checks=len(answers))


@table_attack("reference", "refer to a row of the victim from a new row of its own", in_every_binding=False)
async def foreign_key_insert(attempt: Attempt) -> Verdict:
    """INSERT of the attacker's row with the victim's key."""
    attacked, told = attempt.attacked, []
    for fact, columns in _references(attempt):
        inserts = _inserts(
            attempt, fact, attacked.attacker, _aim(attempt, fact, columns, attacked.victim, attacked.attacker)
        )
        found = f"A row of its own refers to a row of the victim by {fact.name}."
        told.append(await _refer(attempt, attempt.binding.preamble, inserts, found))
    return _sum_up(told, NO_REFERENCE)


@table_attack("reference", "let a row of its own refer to a row of the victim", in_every_binding=False)
async def foreign_key_update(attempt: Attempt) -> Verdict:
    """UPDATE of the attacker's row to the victim's key."""
    attacked, told = attempt.attacked, []
    for fact, columns in _references(attempt):
        aim = _aim(attempt, fact, columns, attacked.victim, attacked.attacker) or {}
        changes = ", ".join(f"{sql.identifier(name)} = {value}" for name, value in aim.items())
        rows = attempt.facts.rows[attacked.attacker][:ROWS] if aim else ()
        updates = [
            attempt.fill(UPDATE, changes=changes, ctid=row["ctid"] or "", tableoid=row["tableoid"] or "")
            for row in rows
        ]
        found = f"A row of its own refers to a row of the victim by {fact.name}."
        told.append(await _refer(attempt, attempt.binding.preamble, updates, found))
    return _sum_up(told, NO_REFERENCE)


@table_attack(
    "reference", "distinguish a key of the victim from one that does not exist, by the error", in_every_binding=False
)
async def foreign_key_oracle(attempt: Attempt) -> Verdict:
    """The errors for the victim's key and for a missing one must be equal."""
    attacked = attempt.attacked
    told: list[Verdict | None] = []
    for fact, columns in _references(attempt):
        absent = {name: made_up_value(attempt.facts.columns[name].type) for name in columns}
        values = {name: value for name, value in absent.items() if value is not None}
        if len(values) < len(absent):
            told.append(None)
            continue
        aimed = _inserts(
            attempt, fact, attacked.attacker, _aim(attempt, fact, columns, attacked.victim, attacked.attacker)
        )
        missed = _inserts(attempt, fact, attacked.attacker, values)
        told.append(await _compare(attempt, fact, zip(aimed, missed, strict=False)))
    return _sum_up(told, NO_REFERENCE)


async def _compare(attempt: Attempt, fact: ReferenceFact, inserts: Iterable[tuple[str, str]]) -> Verdict | None:
    for to_victim, to_missing in inserts:
        missing = await _refusal(attempt, to_missing)
        if missing[0] == "42501":
            return blocked("refused (42501)")
        if missing[0] != NO_PARENT:
            continue
        victim = await _refusal(attempt, to_victim)
        # `unique_probe` judges unique keys.
        if victim[0] in DUPLICATES:
            continue
        if victim != missing:
            return breach(f"By {fact.name}, a key of the victim gives {victim}, and a missing one gives {missing}.")
        return blocked("both are refused in the same way")
    return None


async def _refusal(attempt: Attempt, statement: str) -> tuple[str | None, str | None, bool]:
    attempt.begin(attempt.binding.preamble)
    try:
        await attempt.execute(statement)
    except asyncpg.PostgresError as error:
        return sqlstate_of(error), constraint_of(error), bool(getattr(error, "detail", None))
    return None, None, False


@table_attack("reference", "delete rows of the victim that refer to its own", in_every_binding=False)
async def cascade_from_reference(attempt: Attempt) -> Verdict:
    """A row of the victim refers to a row of the attacker, who then deletes it."""
    attacked, told = attempt.attacked, []
    for fact, columns in _references(attempt):
        if fact.on_delete not in ACTIONS:
            continue
        inserts = _inserts(
            attempt, fact, attacked.victim, _aim(attempt, fact, columns, attacked.attacker, attacked.victim)
        )
        found = f"The victim's row may refer to the attacker's by {fact.name}, ON DELETE {ACTIONS[fact.on_delete]}."
        told.append(await _refer(attempt, attacked.bind_sql(attacked.victim), inserts, found))
    return _sum_up(told, "no reference of the table has an ON DELETE action")


@table_attack("reference", "change rows of others by deleting its own", in_every_binding=False)
async def cascade_from_delete(attempt: Attempt) -> Verdict:
    """DELETE of all own rows. The server's count of changed rows includes those of cascades and triggers."""
    tables = attempt.known.tables
    oids = ", ".join(sql.literal(sql.qualified(*key)) for key in tables)
    query = DELETED.format(tables=oids)
    before = {(row["schema"], row["name"]): row["touched"] for row in await attempt.fetch(query)}
    try:
        await attempt.execute(attempt.fill("DELETE FROM {table} WHERE {column} = {attacker}"))
    except asyncpg.PostgresError as error:
        if sqlstate_of(error) in HELD:
            return skipped("rows that refer to its own rows keep them from being deleted")
        return attempt.judge(error)
    after = {(row["schema"], row["name"]): row["touched"] for row in await attempt.fetch(query)}
    for key, facts in tables.items():
        own = len(facts.rows.get(attempt.attacked.attacker, ()))
        touched = after.get(key, 0) - before.get(key, 0)
        if touched > own:
            return breach(f"Deleting its own rows changed {touched} rows of {'.'.join(key)}, where it has {own}.")
    return blocked("only its own rows changed")
