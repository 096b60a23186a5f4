"""The backup that the page on deploying shows holds every row of every service, and can be restored."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from documents import ROOT, blocks
from plain import connected

from tenantry import Address
from tenantry.postgres.binaries import Binaries
from tenantry.project import find_project
from tenantry.service import Service, import_attribute, load_services
from tenantry.testing.administrator import Administrator
from tenantry.testing.scratch import ScratchDatabase

(SHOWN,) = [
    block.text for block in blocks(ROOT / "docs" / "howto" / "deploy.md") if block.text.startswith("pg_dump --role")
]
TABLES = "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition \
AND relnamespace = 'public'::regnamespace ORDER BY 1"


@pytest.fixture(params=load_services(find_project(ROOT)), ids=lambda service: service.name)
def tenantry_service(request: pytest.FixtureRequest, tenantry_administrator: Administrator) -> Service:
    found: Service = request.param
    for name in found.extensions:
        if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = $1", name):
            pytest.skip(f"needs the extension {name}, which this server does not have")
    return found


async def count(address: Address) -> dict[str, int]:
    async with connected(address) as connection:
        names = [row["name"] for row in await connection.fetch(TABLES)]
        return {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}


async def test_a_dump_of_the_owner_holds_every_row(
    tenantry_clone: ScratchDatabase, empty_database: Address, binaries: Binaries, tmp_path: Path
) -> None:
    service, address = tenantry_clone.service, tenantry_clone.superuser
    async with tenantry_clone.deployment.database() as database:
        await import_attribute(service.demo)(database)
    before = await count(address)
    assert sum(before.values()) > len(before) / 2

    def run(command: str, **variables: str) -> None:
        path = f"{binaries.folder}{os.pathsep}{os.environ['PATH']}"
        words = ["bash", "-euo", "pipefail", "-c", command]
        done = subprocess.run(
            words, cwd=tmp_path, env={"PATH": path, **variables}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    prefix = service.settings.model_config["env_prefix"]
    command = SHOWN.replace("ai_agents", service.name).replace("AI_AGENTS_", prefix)
    login = tenantry_clone.addresses["migration"].url.get_secret_value()
    await asyncio.to_thread(run, command, **{f"{prefix}MIGRATION_DATABASE_URL": login})
    restore = f'pg_restore --exit-on-error --dbname="$TO" {service.name}.dump'
    await asyncio.to_thread(run, restore, TO=empty_database.url.get_secret_value())
    assert await count(empty_database) == before
