"""What the audit says about the server: which holes its release has, and what no test's transaction can make."""

from __future__ import annotations

import dataclasses

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from tenantry import Service
from tenantry.proof.audit.rules.replication import logical_slot
from tenantry.proof.audit.rules.server import server_outdated
from tenantry.proof.audit.server import FIXES, FLOORS, open_holes
from tenantry.proof.audit.snapshot import read_snapshot


def test_every_release_with_known_holes_has_a_floor() -> None:
    assert all(minor > 0 for minor in FLOORS.values())
    assert sorted(FLOORS) == list(range(min(FLOORS), max(FLOORS) + 1))


@pytest.mark.parametrize(
    ("major", "minor", "holes"),
    [
        (15, 2, {"CVE-2023-2455", "CVE-2024-4317", "CVE-2024-10976", "CVE-2025-8713"}),
        (15, 3, {"CVE-2024-4317", "CVE-2024-10976", "CVE-2025-8713"}),
        (16, 4, {"CVE-2024-10976", "CVE-2025-8713"}),
        (17, 1, {"CVE-2025-8713"}),
        (17, 6, set()),
        (18, 0, set()),
        (12, 22, set(FIXES)),
    ],
)
def test_the_holes_that_are_open_are_named(major: int, minor: int, holes: set[str]) -> None:
    assert set(open_holes(major, minor)) == holes


@pytest.mark.parametrize(("version", "remedy"), [(160003, "16.10"), (120009, "17")])
async def test_an_old_release_is_told(superuser: AsyncConnection, service: Service, version: int, remedy: str) -> None:
    snapshot = await superuser.run_sync(read_snapshot, service)
    (found,) = server_outdated(dataclasses.replace(snapshot, version=version))
    assert found.object == "server"
    assert "CVE-2025-8713" in found.message
    assert remedy in found.remedy


async def test_a_logical_slot_is_told(superuser: AsyncConnection, service: Service) -> None:
    """A slot needs wal_level = logical, and outlives a transaction; so the row that the catalog would give is given."""
    snapshot = await superuser.run_sync(read_snapshot, service)
    assert snapshot.facts["logical_slots"] == ()
    slot = {"name": "feed", "plugin": "pgoutput"}
    (found,) = logical_slot(dataclasses.replace(snapshot, facts={**snapshot.facts, "logical_slots": (slot,)}))
    assert found.object == "replication slot feed"
    assert found.remedy.endswith(": SELECT pg_drop_replication_slot('feed')")
