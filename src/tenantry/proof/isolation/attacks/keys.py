"""Attacks through unique keys: a unique index checks all rows, whatever the policies say.

The table must prevent them by unique keys that include the tenant. Both attacks are tried in the attacker's own
binding, because it can write rows there only. A row that another constraint refuses shows nothing about the key.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg

from tenantry import sql
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attacker_facts import KeyFact, Row
from tenantry.proof.isolation.attacks.similar_rows import INSERT, UNFIT, similar_rows
from tenantry.proof.isolation.attempt import Attempt
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, limit, skipped
from tenantry.tenancy.declarations import Kind, declaration_of
from tenantry.tenancy.unique_keys import is_surrogate, keys_of, plain_columns

NO_GLOBAL_KEY = "every unique key of the table includes the tenant"
NO_ROW = "no row could be made up that only conflicts with the victim's in a unique key"
DUPLICATES = frozenset({"23505", "23P01"})


def _shared_keys(attempt: Attempt) -> list[tuple[KeyFact, Row]]:
    """Return the keys without the tenant, each with a row of the victim that has no NULL in it."""
    rows = attempt.facts.rows[attempt.attacked.victim]
    found = [
        (key, next((row for row in rows if None not in {row[name] for name in key.columns}), None))
        for key in attempt.facts.keys
        if attempt.target.tenant_column not in key.columns
    ]
    return [(key, row) for key, row in found if row is not None]


def _wanted(attempt: Attempt, key: KeyFact, row: Row) -> dict[str, str]:
    """Return the victim's values of the key's columns."""
    writable = set(attempt.facts.writable) - {attempt.target.tenant_column}
    return {name: attempt.facts.literal(name, row[name]) for name in key.touched if name in writable}


@table_attack("unique", "learn by a duplicate key what the victim has", in_every_binding=False)
async def unique_probe(attempt: Attempt) -> Verdict:
    """INSERT and UPDATE of the attacker's row with the victim's value of a unique key."""
    keys = _shared_keys(attempt)
    told = [verdict for verdict in [await _probe(attempt, key, row) for key, row in keys] if verdict is not None]
    for verdict in told:
        if verdict.outcome not in {Outcome.LIMIT, Outcome.BLOCKED}:
            return verdict
    if not told:
        return skipped(NO_ROW if keys else NO_GLOBAL_KEY)
    return next((one for one in told if one.outcome is Outcome.LIMIT), blocked("no error for a duplicate key"))


def _probes(attempt: Attempt, key: KeyFact, row: Row) -> Iterator[str]:
    wanted = _wanted(attempt, key, row)
    for values in similar_rows(attempt, attempt.attacked.attacker, wanted, row):
        yield attempt.fill(INSERT, row=values)
    changes = ", ".join(
        f"{sql.identifier(name)} = {value}"
        for name, value in wanted.items()
        if attempt.facts.columns[name].is_updatable
    )
    if changes:
        yield attempt.fill("UPDATE {table} SET {changes} WHERE {column} = {attacker}", changes=changes)


async def _probe(attempt: Attempt, key: KeyFact, row: Row) -> Verdict | None:
    """Return what a unique key shows of the victim's value. Return None if another constraint refused every row."""
    told: Verdict | None = None
    for statement in _probes(attempt, key, row):
        attempt.begin(attempt.binding.preamble)
        try:
            await attempt.execute(statement)
        except asyncpg.PostgresError as error:
            state = sqlstate_of(error) or ""
            if _is_duplicate(error, key) and await _is_foreign(attempt, key, statement):
                return _told(attempt, key)
            if state.startswith(UNFIT):
                continue
            told = attempt.judge(error)
            if told.outcome is not Outcome.BLOCKED:
                return told
        else:
            told = blocked("no duplicate was found")
    return told


def _is_duplicate(error: asyncpg.PostgresError, key: KeyFact) -> bool:
    return sqlstate_of(error) in DUPLICATES and constraint_of(error) == key.name


async def _is_foreign(attempt: Attempt, key: KeyFact, statement: str) -> bool:
    """Return whether the duplicate is not a row of the attacker.

    If a key is unique across all tenants, no row of the attacker has the value too. A key that includes the tenant in
    an expression is tried again without the attacker's rows.
    """
    if attempt.target.tenant_column not in key.touched:
        return True
    attempt.begin(attempt.binding.preamble)
    try:
        await attempt.execute(attempt.fill("DELETE FROM {table} WHERE {column} = {attacker}; ") + statement)
    except asyncpg.PostgresError as error:
        return _is_duplicate(error, key)
    return False


def _told(attempt: Attempt, key: KeyFact) -> Verdict:
    table = attempt.target.table
    declaration = declaration_of(table)
    what = f"The duplicate-key error of {key.name} shows that a tenant has the value"
    if any(set(lookup.columns) == set(key.columns) for lookup in declaration.lookups):
        return limit(f"{what}: the key of a declared lookup, one bit for each guess.")
    if key.columns and all(attempt.facts.columns[name].type == "uuid" for name in key.columns):
        return limit(f"{what}: a UUID, which cannot be guessed.")
    columns = set(key.columns)
    if any(columns == set(plain_columns(one)) and is_surrogate(one, table) for one in keys_of(table)):
        return limit(f"{what}: a generated key, which shows how many rows all tenants have.")
    if declaration.kind is Kind.TENANT_ROOT:
        return limit(f"{what}: the key of the tenants themselves.")
    return breach(f"{what}: {', '.join(key.touched)}.")


@table_attack("unique", "overwrite or find a row of the victim by an upsert of its own", in_every_binding=False)
async def upsert_own(attempt: Attempt) -> Verdict:
    """INSERT ... ON CONFLICT on a key of the victim. A row with an xmax existed before."""
    keys = [(key, row) for key, row in _shared_keys(attempt) if set(key.columns) == set(key.touched)]
    told = [verdict for verdict in [await _upsert(attempt, key, row) for key, row in keys] if verdict is not None]
    for verdict in told:
        if verdict.outcome is not Outcome.BLOCKED:
            return verdict
    if not told:
        return skipped(NO_ROW if keys else NO_GLOBAL_KEY)
    return blocked("every upsert was refused, or found no row of the victim")


async def _upsert(attempt: Attempt, key: KeyFact, row: Row) -> Verdict | None:
    template = (
        "WITH made AS (INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE VALUES ({row}) "
        "ON CONFLICT ({key}) DO UPDATE SET {same_of_t} RETURNING xmax::text AS deleter) SELECT deleter FROM made"
    )
    columns = ", ".join(map(sql.identifier, key.columns))
    for values in similar_rows(attempt, attempt.attacked.attacker, _wanted(attempt, key, row), row):
        attempt.begin(attempt.binding.preamble)
        try:
            rows = await attempt.fetch(attempt.fill(template, row=values, key=columns))
        except asyncpg.PostgresError as error:
            if not (sqlstate_of(error) or "").startswith(UNFIT):
                return attempt.judge(error)
        else:
            if any(found["deleter"] != "0" for found in rows):
                return breach(f"An upsert took over the victim's row by {key.name}.")
            return blocked("it found no row of the victim")
    return None
