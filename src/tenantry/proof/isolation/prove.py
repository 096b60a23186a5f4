"""Proving a service's isolation: a scratch database is made, attacked and dropped, and what was seen is summed up."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tenantry.deployment import Deployment
from tenantry.postgres.statements import load_statements
from tenantry.project import Project
from tenantry.proof.isolation.report import Facts, Proof, RoleFacts, make_proof
from tenantry.proof.isolation.verdict import Try
from tenantry.proof.scratch.clone import Clone, open_clone
from tenantry.proof.scratch.scratch import log_in
from tenantry.service import Service

__all__ = ["Battle", "attack", "prove_isolation"]

_STATEMENTS = load_statements("tenantry.proof.isolation", "prove.sql")


@dataclass(frozen=True, slots=True)
class Battle:
    """Which tables were attacked, and what came of it."""

    tables: tuple[str, ...]
    tries: tuple[Try, ...]


Progress = Callable[[int, int], None]
Attack = Callable[[Deployment, Progress], Awaitable[Battle]]


async def attack(deployment: Deployment, on_progress: Progress) -> Battle:
    """Fill the scratch database of the deployment with three tenants, and try every attack on them."""
    from tenantry.proof.isolation.ground import open_ground  # noqa: PLC0415
    from tenantry.proof.isolation.harness import run_attacks  # noqa: PLC0415

    async with open_ground(deployment.service, deployment.settings) as ground:
        tries = await run_attacks(ground, on_progress)
        return Battle(tuple(f"{one.schema}.{one.name}" for one in ground.targets), tuple(tries))


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
    """Prove one service in a scratch database, which is gone when this returns or raises.

    Raises:
        ConfigurationError: the scratch database cannot be made or filled.
        DatabaseUnavailable: nobody answers.
    """
    began = time.monotonic()
    async with open_clone(
        deployment, project, database_url=database_url, from_migrations=from_migrations, tell=tell
    ) as clone:
        facts = await read_facts(deployment.service, clone)
        battle = await attack(clone.deployment, on_progress)
    seconds = time.monotonic() - began
    return make_proof(deployment.name, battle.tables, battle.tries, facts, seconds=seconds)


async def read_facts(service: Service, clone: Clone) -> Facts:
    """Read what the report says about the place, from the catalog of the original."""
    connection = await log_in(clone.original)
    try:
        # Names are printed in full then, whatever is set for the database.
        await connection.execute("SET search_path TO ''")
        schema = await connection.fetchrow(_STATEMENTS["fingerprint"])
        rows = await connection.fetch(_STATEMENTS["roles"], [role.name for role in service.roles])
    finally:
        await connection.close()
    roles = tuple(RoleFacts(**{**row, "member_of": tuple(row["member_of"])}) for row in rows)
    return Facts(schema["server"], clone.origin, roles, schema["fingerprint"])
