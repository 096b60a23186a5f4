"""The rollback procedure of PLC Coach does what it says: its commands are run as they stand there, on filled tables.

A procedure that is read for the first time in an emergency is tried before.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documents import ROOT, Block, blocks
from plain import connected

from plc_coach import demo
from plc_coach.service import service
from tenantry.postgres.binaries import Binaries
from tenantry.testing.administrator import Administrator
from tenantry.testing.scratch import ScratchDatabase

if TYPE_CHECKING:
    from tenantry import Service

PAGE = ROOT / "services" / "plc_coach" / "migrations" / "README.md"
COUNT = "SELECT count(*) FROM message_embeddings"
PEOPLE = "SELECT count(*) FROM users"


@pytest.fixture
def tenantry_service(tenantry_administrator: Administrator) -> Service:
    if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("needs the extension vector, which this server does not have")
    return service


def follow(block: Block, clone: ScratchDatabase, binaries: Binaries, folder: Path) -> str:
    """Run a block as its reader does, told the three addresses; what it writes is written into `folder`."""
    programs = os.pathsep.join([str(Path(sys.executable).parent), str(binaries.folder), os.environ["PATH"]])
    prefixes = ("PLC_COACH_", "DATABASE_", "PG")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    purposes = {"": "application", "MIGRATION_": "migration", "ADMIN_": "admin"}
    addresses = {
        f"PLC_COACH_{prefix}DATABASE_URL": clone.addresses[purpose].url.get_secret_value()  # type: ignore[index]
        for prefix, purpose in purposes.items()
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=folder,
        env={**inherited, **addresses, "PATH": programs},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, f"{block}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The service's folder in a copy of the project, so that what is backed up does not lie in the checkout."""
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__", ".tenantry")
    shutil.copytree(ROOT / "services", tmp_path / "services", ignore=ignored)
    return tmp_path / "services" / "plc_coach"


async def test_the_procedure_takes_the_schema_back_and_brings_the_rows_again(
    tenantry_clone: ScratchDatabase, binaries: Binaries, folder: Path
) -> None:
    """Both ways of backing up, each restored: all rows are there again, and nobody else's are lost meanwhile."""
    async with tenantry_clone.deployment.database() as database:
        await demo.seed(database)
    look, copy, dump, back, check, forward, from_copy, from_dump = (
        block for block in blocks(PAGE) if block.language == "bash" and block.line > line_of("## Rolling back")
    )
    async with connected(tenantry_clone.superuser) as superuser:
        filled, people = await superuser.fetchval(COUNT), await superuser.fetchval(PEOPLE)
        assert filled > 0
        for block in (look, copy, dump, back):
            await asyncio.to_thread(follow, block, tenantry_clone, binaries, folder)
        assert await superuser.fetchval("SELECT to_regclass('message_embeddings')") is None
        assert await superuser.fetchval(PEOPLE) == people
        assert "20251113020000" in await asyncio.to_thread(follow, check, tenantry_clone, binaries, folder)
        await asyncio.to_thread(follow, forward, tenantry_clone, binaries, folder)
        for block in (from_copy, from_dump):
            await superuser.execute("DELETE FROM message_embeddings")
            await asyncio.to_thread(follow, block, tenantry_clone, binaries, folder)
            assert await superuser.fetchval(COUNT) == filled


def line_of(heading: str) -> int:
    """Return the line that a heading stands in."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.startswith(heading))
