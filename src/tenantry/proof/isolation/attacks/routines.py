"""Attacks through functions: every function that the application may call is called with an attacker's arguments.

A SECURITY DEFINER function runs as its owner, so row security does not restrict what it returns. A declared lookup
returns the tenant and the key of the row that a credential belongs to. That is a limit; any other value is a breach.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg

from tenantry import sql
from tenantry.postgres.objects import Function
from tenantry.postgres.statements import load_statements
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.attacker_facts import TableFacts
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import MARKER, AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, Verdict, blocked, breach, limit, record, skipped
from tenantry.tenancy.declarations import declaration_of

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

# The most values of one argument, and the most calls of one function.
VALUES, CALLS = 6, 24

PLAIN = {
    "boolean": ("true",),
    "smallint": ("1",),
    "integer": ("1", "1000"),
    "bigint": ("1", "1000"),
    "numeric": ("1",),
    "json": ("{}",),
    "jsonb": ("{}",),
    "timestamp with time zone": ("-infinity", "infinity"),
    "date": ("-infinity",),
    "interval": ("1 year",),
}


def _guesses(session: AttackSession, name: str, kind: str) -> list[str]:
    """Return the values that an attacker who knows the victim's rows tries for an argument, the likeliest first."""
    likely: list[str] = []
    others: list[str] = [session.attacked.victim]
    for facts in session.known.tables.values():
        for column, fact in facts.columns.items():
            values = [row[column] for row in facts.rows.get(session.attacked.victim, ())]
            found = [value for value in values if value is not None]
            if column and name.endswith(column):
                likely += found
            elif _base(fact.type) == _base(kind) and fact.is_telling:
                others += found
    return list(dict.fromkeys([*likely, *others, *PLAIN.get(kind, ())]))[: VALUES + len(likely)]


def _base(kind: str) -> str:
    plain = kind.partition("(")[0]
    return "text" if plain == "character varying" else plain


def _calls(session: AttackSession, row: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the calls to try, each with the values that are its arguments."""
    names: Sequence[str] = [*row["names"], *[""] * len(row["types"])]
    choices = [_guesses(session, name, kind) for name, kind in zip(names, row["types"], strict=False)]
    function = sql.qualified(row["schema"], row["name"])
    calls = []
    for values in itertools.islice(itertools.product(*choices), CALLS):
        arguments = ", ".join(
            f"{sql.literal(value).lstrip()}::{kind}" for value, kind in zip(values, row["types"], strict=True)
        )
        call = f"{function}({arguments})"
        is_procedure = row["kind"] == "p"
        calls.append((f"CALL {call}" if is_procedure else f"SELECT to_json(said)::text FROM {call} AS said", values))  # noqa: S608
    return calls


async def _call(session: AttackSession, row: Mapping[str, Any], *, is_declared: bool) -> Verdict:
    """Call a function with all guesses, bound to the attacker's tenant and to no tenant."""
    bounded = answered = False
    own_and_none = (session.attacked.bind_sql(session.attacked.attacker), "")
    for (statement, given), preamble in itertools.product(_calls(session, row), own_and_none):
        session.begin(preamble)
        try:
            said = "\n".join(str(item[0]) for item in await session.fetch(statement) if len(item))
        except asyncpg.PostgresError as error:
            seen = session.known.find_secrets(str(error), given)
            answered = answered or session.judge(error).outcome is Outcome.BLOCKED
        else:
            answered = True
            # A declared lookup must not even return its arguments.
            seen = session.known.find_secrets(said, () if is_declared else given)
        if seen and is_declared and set(seen) <= session.known.identities:
            bounded = True
        elif seen:
            return breach(f"It returns values of other tenants: of {', '.join(sorted(set(seen.values()))[:3])}.")
    if bounded:
        return limit(
            "A declared lookup: it returns the tenant and the key of the row that a known credential belongs to."
        )
    return blocked("no value of others") if answered else skipped("no arguments were found that it accepts")


@service_attack("function", "make a function return others' rows")
async def call_functions(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Every function and procedure that the application may call."""
    declared = {(item.schema, item.name) for item in attacked.service.declared_objects() if isinstance(item, Function)}
    found = False
    async with open_session(attacked) as session:
        for row in await session.fetch(_STATEMENTS["routines"]):
            found = True
            verdict = await _call(session, row, is_declared=(row["schema"], row["name"]) in declared)
            yield record("call_functions", f"function {row['schema']}.{row['name']}", verdict)
    if not found:
        yield record("call_functions", "database", skipped("the application may call no function"))


@service_attack("function", "hide a table that a function reads behind one of its own")
async def shadow_tables(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """A temporary table with the same name. A function without a pinned search_path would read its rows."""
    found = False
    async with open_session(attacked) as session:
        routines = [row for row in await session.fetch(_STATEMENTS["routines"]) if row["is_definer"]]
        for row in routines:
            found = True
            yield record("shadow_tables", f"function {row['schema']}.{row['name']}", await _shadow(session, row))
    if not found:
        yield record("shadow_tables", "database", skipped("the application may call no SECURITY DEFINER function"))


async def _shadow(session: AttackSession, row: Mapping[str, Any]) -> Verdict:
    """Call the function while temporary tables, first in the search_path, hold rows with marked texts."""
    planted = []
    for (schema, name), facts in session.known.tables.items():
        table = sql.qualified(schema, name)
        shadow = f"pg_temp.{sql.identifier(name)}"
        planted.append(f"CREATE TEMPORARY TABLE {sql.identifier(name)} ON COMMIT DROP AS TABLE {table} WITH NO DATA; ")
        for tenant in (session.attacked.attacker, session.attacked.victim):
            planted += [_plant(shadow, facts, found) for found in facts.rows.get(tenant, ())[:3]]
    for statement, given in _calls(session, row):
        session.begin(session.attacked.bind_sql(session.attacked.attacker))
        made = await session.refused("".join(planted))
        if made.outcome is not Outcome.BREACH:
            return made
        await session.execute("SET LOCAL search_path = pg_temp, public")
        try:
            rows = await session.fetch(statement)
        except asyncpg.PostgresError as error:
            said = str(error)
        else:
            said = "\n".join(str(item[0]) for item in rows if len(item))
        if MARKER in said and not any(MARKER in value for value in given):
            return breach("It reads a temporary table of the attacker instead of its own.")
    return blocked("it reads its own tables")


def _plant(shadow: str, facts: TableFacts, row: Mapping[str, str | None]) -> str:
    """Return an INSERT of a row whose texts are marked."""
    # A varchar keeps its length in the copy of the table, so only text has room for the marker.
    values = ", ".join(
        facts.literal(name, f"{MARKER}{row[name]}")
        if facts.columns[name].type == "text" and row[name]
        else facts.literal(name, row[name])
        for name in facts.writable
    )
    columns = ", ".join(map(sql.identifier, facts.writable))
    return f"INSERT INTO {shadow} ({columns}) VALUES ({values}); "  # noqa: S608


@service_attack("function", "find a row through a lookup by a value that no tenant has")
async def guess_lookups(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """NULL, '' and patterns must find no row."""
    found = False
    names = {
        f"tenant_of_{table.name}_by_{'_'.join(lookup.columns)}"
        for table in attacked.service.metadata.tables.values()
        for lookup in declaration_of(table).lookups
    }
    async with open_session(attacked) as session:
        for row in await session.fetch(_STATEMENTS["routines"]):
            if row["name"] not in names:
                continue
            found = True
            yield record("guess_lookups", f"function {row['schema']}.{row['name']}", await _guess(session, row))
    if not found:
        yield record("guess_lookups", "database", skipped("the service declares no lookup"))


async def _guess(session: AttackSession, row: Mapping[str, Any]) -> Verdict:
    function = sql.qualified(row["schema"], row["name"])
    for value in ("NULL", "''", "'%'", "'_'", "'*'", "' OR true --'"):
        session.begin()
        arguments = ", ".join(f"{value}::{kind}" for kind in row["types"])
        try:
            rows = await session.fetch(f"SELECT to_json(said)::text FROM {function}({arguments}) AS said")  # noqa: S608
        except asyncpg.PostgresError:
            # A pattern is not a uuid.
            continue
        if rows:
            return breach(f"For {value} it returned {len(rows)} rows.")
    return blocked("no value found a row")
