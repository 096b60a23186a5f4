"""A proof from one end to the other: a scratch database is made, filled, attacked and dropped; and a hole is found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plain import connected

from items.service import service
from tenantry.deployment import Deployment
from tenantry.project import Project
from tenantry.proof.isolation.prove import AttackRun, prove_isolation
from tenantry.proof.isolation.verdict import AttackResult, Outcome
from tenantry.proof.scratch.reservation import PREFIX
from tenantry.testing.cluster import Cluster
from tenantry.testing.scratch import ScratchDatabase


@pytest.fixture
def original(tenantry_cluster: Cluster) -> Iterator[ScratchDatabase]:
    template = tenantry_cluster.template(service, {})
    with tenantry_cluster.scratch(service, {}, template) as database:
        yield database


async def _strike(deployment: Deployment, on_progress: Any) -> AttackRun:
    """Attack with results of our own making, in the real scratch database."""
    address = await deployment.address()
    assert address.database.startswith(PREFIX)
    async with connected(address) as application:
        found = await application.fetchval("SELECT current_database()")
    on_progress(1, 1)
    return AttackRun(("public.items",), (AttackResult("look", "public.items", Outcome.BREACH, found, "own"),))


async def test_the_report_holds_what_was_tried_and_where(original: ScratchDatabase, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    proof = await prove_isolation(
        original.deployment,
        Project(tmp_path),
        attack=_strike,
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert (proof.service, proof.tables, proof.attacks, proof.blocked, proof.is_breached) == ("items", 1, 1, 0, True)
    (breach,) = proof.breaches
    assert breach.detail.startswith(f"{PREFIX}items_")
    assert steps == [(1, 1)]
    assert proof.seconds > 0
    roles = {one.name: one for one in proof.roles}
    assert set(roles) == {role.name for role in service.roles}
    assert roles[service.roles.admin].bypass_rls
    assert not roles[service.roles.application].bypass_rls
    assert len(proof.fingerprint) == 64
    async with connected(original.superuser) as superuser:
        assert (await superuser.fetchval("SHOW server_version")) == proof.server
        assert await superuser.fetchrow("SELECT FROM pg_database WHERE datname = $1", breach.detail) is None


async def test_the_original_is_only_read(original: ScratchDatabase, tmp_path: Path) -> None:
    """Not a transaction that writes, and not a row more."""
    written = "SELECT count(*) FROM items"
    async with connected(original.superuser) as superuser:
        before = await superuser.fetchval("SELECT pg_current_xact_id()::text"), await superuser.fetchval(written)
        await prove_isolation(Deployment(service, original.settings), Project(tmp_path), attack=_strike)
        after = (
            await superuser.fetchval("SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"),
            await superuser.fetchval(written),
        )
    assert before[1] == after[1] == 0
    assert after[0] == 0
