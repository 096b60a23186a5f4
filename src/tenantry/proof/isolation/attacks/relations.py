"""Attacks through other relations: views, materialized views, partitions, children, foreign and undeclared tables.

Each relation that the application may read is read, and its values are compared with those that only other tenants
have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg

from tenantry import sql
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.postgres.statements import load_statements
from tenantry.proof.isolation.attack import service_attack
from tenantry.proof.isolation.attempt import VIOLATION
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.session import BROKEN, AttackSession, open_session
from tenantry.proof.isolation.verdict import AttackResult, Outcome, Verdict, blocked, breach, record, skipped
from tenantry.tenancy.declarations import declaration_of

_STATEMENTS = load_statements(__package__ or "", "catalog.sql")

# The SQLSTATE of a materialized view without data.
UNPOPULATED = frozenset({"55000"})

KINDS = {
    "r": "table",
    "p": "table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}


async def _look(session: AttackSession, statement: str) -> Verdict:
    """Judge a query by other tenants' values in its rows, bound to the attacker's tenant and to no tenant."""
    for preamble in (session.attacked.bind_sql(session.attacked.attacker), ""):
        session.begin(preamble)
        try:
            rows = await session.fetch(statement)
        except asyncpg.PostgresError as error:
            if preamble:
                verdict = session.judge(error, also=UNPOPULATED)
                if verdict.outcome is not Outcome.BLOCKED:
                    return verdict
            continue
        seen = session.known.find_secrets("\n".join(str(row[0]) for row in rows))
        if seen:
            places = sorted(set(seen.values()))
            return breach(f"It shows values of other tenants: of {', '.join(places[:3])}.")
    return blocked("no value of others")


async def _relations(session: AttackSession) -> list[Mapping[str, Any]]:
    return await session.fetch(_STATEMENTS["relations"])


def _attack_kinds(name: str, sentence: str, kinds: str, none: str) -> None:
    """Register an attack on every undeclared relation of some kinds."""

    async def run(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
        declared = {(table.schema or "public", table.name) for table in attacked.service.metadata.tables.values()}
        # `name_partitions` attacks their partitions and children.
        reached = {(target.schema, target.name) for target in attacked.tables}
        found = False
        async with open_session(attacked) as session:
            for row in await _relations(session):
                is_declared = (row["schema"], row["name"]) in declared
                is_reached = (row["parent_schema"], row["parent"]) in reached
                if row["kind"] not in kinds or is_declared or is_reached or not row["is_readable"]:
                    continue
                found = True
                table = sql.qualified(row["schema"], row["name"])
                verdict = await _look(session, f"SELECT row_to_json(t)::text FROM {table} AS t LIMIT 10000")  # noqa: S608
                yield record(name, f"{KINDS[row['kind']]} {row['schema']}.{row['name']}", verdict)
        if not found:
            yield record(name, "database", skipped(none))

    run.__name__ = name
    service_attack("relation", sentence)(run)


_attack_kinds("read_views", "read others' rows through a view", "v", "the application may read no view")
_attack_kinds(
    "read_materialized_views",
    "read others' rows in a materialized view",
    "m",
    "the application may read no materialized view",
)
_attack_kinds(
    "read_foreign_tables", "read others' rows in a foreign table", "f", "the application may read no foreign table"
)
_attack_kinds(
    "read_stray_tables",
    "read others' rows in an undeclared table",
    "rp",
    "the application may read no undeclared table",
)


@service_attack("relation", "read others' rows in a table that all tenants share")
async def read_shared_tables(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Shared and Global tables must hold no value that only one tenant has."""
    found = False
    async with open_session(attacked) as session:
        for table in attacked.service.metadata.sorted_tables:
            if declaration_of(table).kind.is_isolated:
                continue
            found = True
            name = sql.qualified(table.schema or "public", table.name)
            verdict = await _look(session, f"SELECT row_to_json(t)::text FROM {name} AS t LIMIT 10000")  # noqa: S608
            yield record("read_shared_tables", f"{table.schema or 'public'}.{table.name}", verdict)
    if not found:
        yield record("read_shared_tables", "database", skipped("every table belongs to tenants"))


# Statements on a partition or a child, whose own policies and privileges apply instead of its parent's.
DIRECTLY = {
    "read": "SELECT {tenant}::text AS tenant FROM {table}",
    "delete": "DELETE FROM {table} WHERE {tenant}::text = {victim} RETURNING {tenant}::text AS tenant",
    "update": "UPDATE {table} SET {same} WHERE {tenant}::text = {victim} RETURNING {victim} AS tenant",
}


@service_attack("relation", "reach others' rows by the name of a partition or a child")
async def name_partitions(attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
    """Every partition and inheritance child by its own name."""
    targets = {(target.schema, target.name): target for target in attacked.tables}
    found = False
    async with open_session(attacked) as session:
        for row in await _relations(session):
            target = targets.get((row["parent_schema"], row["parent"]))
            if target is None:
                continue
            found = True
            fields = {
                "table": sql.qualified(row["schema"], row["name"]),
                "tenant": sql.identifier(target.tenant_column),
                "victim": sql.literal(attacked.victim),
                "same": session.known.table(target).same(target.tenant_column),
            }
            verdict = blocked("refused, or no row of others")
            for action, template in DIRECTLY.items():
                verdict = await _reach(session, action, template.format_map(fields)) or verdict
                if verdict.outcome is Outcome.BREACH:
                    break
            yield record("name_partitions", f"{row['schema']}.{row['name']}", verdict)
    if not found:
        yield record("name_partitions", "database", skipped("no tenant table has partitions or children"))


async def _reach(session: AttackSession, action: str, statement: str) -> Verdict | None:
    session.begin(session.attacked.bind_sql(session.attacked.attacker))
    try:
        rows = await session.fetch(statement)
    except asyncpg.PostgresError as error:
        state = sqlstate_of(error) or ""
        if state.startswith(VIOLATION):
            return breach(f"By its own name it let the attacker {action} rows of others; only {state} refused it.")
        verdict = session.judge(error)
        return verdict if verdict.detail.startswith(BROKEN) else None
    foreign = [row for row in rows if row["tenant"] != session.attacked.attacker]
    return breach(f"By its own name it let the attacker {action} {len(foreign)} rows of others.") if foreign else None
