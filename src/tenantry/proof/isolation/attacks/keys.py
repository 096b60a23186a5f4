"""Attacks by way of unique keys: an index looks at every row, whatever the policies say.

What must hold them is the shape of the table: unique keys that carry the tenant. Both are tried from the attacker's own
tenant, where a row can be written at all. A row that another constraint refused says nothing of the key.
"""

from __future__ import annotations

from collections.abc import Iterator

import asyncpg

from tenantry import sql
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of
from tenantry.proof.isolation.attack import table_attack
from tenantry.proof.isolation.attacks.likenesses import INSERT, UNFIT, likenesses
from tenantry.proof.isolation.duel import Duel
from tenantry.proof.isolation.knowledge import KeyFact, Row
from tenantry.proof.isolation.verdict import Outcome, Verdict, blocked, breach, limit, skipped
from tenantry.tenancy.declarations import Kind, declaration_of

NO_GLOBAL_KEY = "every unique key of the table holds the tenant"
NO_ROW = "no row could be made up that meets nothing but the victim's by a unique key"
DUPLICATES = frozenset({"23505", "23P01"})


def _shared_keys(duel: Duel) -> list[tuple[KeyFact, Row]]:
    """Return the keys without the tenant, each with a row of the victim that has a value of it: NULL meets nothing."""
    rows = duel.facts.rows[duel.ground.victim]
    found = [
        (key, next((row for row in rows if None not in {row[name] for name in key.columns}), None))
        for key in duel.facts.keys
        if duel.target.tenant_column not in key.columns
    ]
    return [(key, row) for key, row in found if row is not None]


def _wanted(duel: Duel, key: KeyFact, row: Row) -> dict[str, str]:
    """Return the victim's values of the columns that the key looks at."""
    writable = set(duel.facts.writable) - {duel.target.tenant_column}
    return {name: duel.facts.literal(name, row[name]) for name in key.touched if name in writable}


@table_attack("unique", "learn by a duplicate key what the victim has", in_every_stance=False)
async def unique_probe(duel: Duel) -> Verdict:
    """INSERT and UPDATE of one's own row with the victim's value of a unique key."""
    keys = _shared_keys(duel)
    told = [verdict for verdict in [await _probe(duel, key, row) for key, row in keys] if verdict is not None]
    for verdict in told:
        if verdict.outcome not in {Outcome.LIMIT, Outcome.BLOCKED}:
            return verdict
    if not told:
        return skipped(NO_ROW if keys else NO_GLOBAL_KEY)
    return next((one for one in told if one.outcome is Outcome.LIMIT), blocked("no duplicate key was told"))


def _probes(duel: Duel, key: KeyFact, row: Row) -> Iterator[str]:
    wanted = _wanted(duel, key, row)
    for values in likenesses(duel, duel.ground.attacker, wanted, row):
        yield duel.fill(INSERT, row=values)
    changes = ", ".join(
        f"{sql.identifier(name)} = {value}" for name, value in wanted.items() if duel.facts.columns[name].is_updatable
    )
    if changes:
        yield duel.fill("UPDATE {table} SET {changes} WHERE {column} = {attacker}", changes=changes)


async def _probe(duel: Duel, key: KeyFact, row: Row) -> Verdict | None:
    """Return what a unique key tells of the victim's value; None where it was never asked."""
    told: Verdict | None = None
    for statement in _probes(duel, key, row):
        duel.begin(duel.stance.preamble)
        try:
            await duel.execute(statement)
        except asyncpg.PostgresError as error:
            state = sqlstate_of(error) or ""
            if _is_met(error, key) and await _is_met_alone(duel, key, statement):
                return _told(duel, key)
            if state.startswith(UNFIT):
                continue
            told = duel.judge(error)
            if told.outcome is not Outcome.BLOCKED:
                return told
        else:
            told = blocked("it met no duplicate")
    return told


def _is_met(error: asyncpg.PostgresError, key: KeyFact) -> bool:
    return sqlstate_of(error) in DUPLICATES and constraint_of(error) == key.name


async def _is_met_alone(duel: Duel, key: KeyFact, statement: str) -> bool:
    """Return whether it was no row of its own that the attacker met.

    What is unique among all tenants no own row has as well; a key that looks at the tenant by an expression may differ.
    """
    if duel.target.tenant_column not in key.touched:
        return True
    duel.begin(duel.stance.preamble)
    try:
        await duel.execute(duel.fill("DELETE FROM {table} WHERE {column} = {attacker}; ") + statement)
    except asyncpg.PostgresError as error:
        return _is_met(error, key)
    return False


def _told(duel: Duel, key: KeyFact) -> Verdict:
    declaration = declaration_of(duel.target.table)
    what = f"The duplicate-key error of {key.name} tells that somebody has the value"
    if any(set(lookup.columns) == set(key.columns) for lookup in declaration.lookups):
        return limit(f"{what}: the key of a declared lookup, one bit a guess.")
    if key.columns and all(duel.facts.columns[name].type == "uuid" for name in key.columns):
        return limit(f"{what}: a UUID, which nobody guesses.")
    if declaration.kind is Kind.TENANT_ROOT:
        return limit(f"{what}: what tenants themselves are told apart by.")
    return breach(f"{what}: {', '.join(key.touched)}.")


@table_attack("unique", "overwrite or find a row of the victim by an upsert of its own", in_every_stance=False)
async def upsert_own(duel: Duel) -> Verdict:
    """INSERT ... ON CONFLICT on a key that the victim holds; what was updated was there before (xmax)."""
    keys = [(key, row) for key, row in _shared_keys(duel) if set(key.columns) == set(key.touched)]
    told = [verdict for verdict in [await _upsert(duel, key, row) for key, row in keys] if verdict is not None]
    for verdict in told:
        if verdict.outcome is not Outcome.BLOCKED:
            return verdict
    if not told:
        return skipped(NO_ROW if keys else NO_GLOBAL_KEY)
    return blocked("every upsert was refused, or met nothing")


async def _upsert(duel: Duel, key: KeyFact, row: Row) -> Verdict | None:
    template = (
        "WITH made AS (INSERT INTO {table} AS t ({columns}) OVERRIDING SYSTEM VALUE VALUES ({row}) "
        "ON CONFLICT ({key}) DO UPDATE SET {same_of_t} RETURNING xmax::text AS deleter) SELECT deleter FROM made"
    )
    columns = ", ".join(map(sql.identifier, key.columns))
    for values in likenesses(duel, duel.ground.attacker, _wanted(duel, key, row), row):
        duel.begin(duel.stance.preamble)
        try:
            rows = await duel.fetch(duel.fill(template, row=values, key=columns))
        except asyncpg.PostgresError as error:
            if not (sqlstate_of(error) or "").startswith(UNFIT):
                return duel.judge(error)
        else:
            if any(found["deleter"] != "0" for found in rows):
                return breach(f"An upsert took over the victim's row by {key.name}.")
            return blocked("it met nothing")
    return None
