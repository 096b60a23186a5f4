"""Prove a service's isolation: make a scratch database, attack it, drop it, and sum up the results."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenantry.deployment import Deployment
from tenantry.postgres.statements import load_statements
from tenantry.project import Project
from tenantry.proof.isolation.report import Facts, Proof, RoleFacts, make_proof
from tenantry.proof.isolation.verdict import AttackResult
from tenantry.proof.scratch.clone import Clone, open_clone
from tenantry.proof.scratch.reservation import log_in
from tenantry.service import Service

__all__ = ["AttackRun", "attack", "prove_isolation"]

_STATEMENTS = load_statements("tenantry.proof.isolation", "prove.sql")


@dataclass(frozen=True, slots=True)
class AttackRun:
    """The tables that were attacked, and the results."""

    tables: tuple[str, ...]
    results: tuple[AttackResult, ...]


Progress = Callable[[int, int], None]
Attack = Callable[[Deployment, Progress], Awaitable[AttackRun]]


async def attack(deployment: Deployment, on_progress: Progress) -> AttackRun:
    """Fill the scratch database of the deployment with three tenants, and try every attack on them."""
    from tenantry.proof.isolation.database import open_attacked  # noqa: PLC0415
    from tenantry.proof.isolation.run import run_attacks  # noqa: PLC0415

    async with open_attacked(deployment) as attacked:
        results = await run_attacks(attacked, on_progress)
        return AttackRun(tuple(f"{one.schema}.{one.name}" for one in attacked.tables), tuple(results))


async def prove_isolation(
    deployment: Deployment,
    project: Project,
    *,
    database_url: str = "",
    from_migrations: bool = False,
    tell: Callable[[str], None] = lambda _step: None,
    on_progress: Progress = lambda _done, _total: None,
    attack: Attack = attack,
) -> Proof:
    """Prove one service in a scratch database, which is dropped before this returns or raises.

    Raises:
        ConfigurationError: the scratch database cannot be made or filled.
        DatabaseUnavailable: no server answers.
    """
    began = time.monotonic()
    async with open_clone(
        deployment, project, database_url=database_url, from_migrations=from_migrations, tell=tell
    ) as clone:
        facts = await read_facts(deployment.service, clone)
        run = await attack(clone.deployment, on_progress)
    seconds = time.monotonic() - began
    return make_proof(deployment.name, run.tables, run.results, facts, seconds=seconds)


async def read_facts(service: Service, clone: Clone) -> Facts:
    """Read the report's facts about the server, the roles and the schema, from the catalog of the original."""
    connection = await log_in(clone.original)
    try:
        # PostgreSQL prints every name with its schema then.
        await connection.execute("SET search_path TO ''")
        schema = await connection.fetchrow(_STATEMENTS["fingerprint"])
        rows = await connection.fetch(_STATEMENTS["roles"], [role.name for role in service.roles])
    finally:
        await connection.close()
    roles = tuple(RoleFacts(**{**row, "member_of": tuple(row["member_of"])}) for row in rows)
    return Facts(schema["server"], clone.origin, roles, schema["fingerprint"])
