"""Servers of a test's own: to be started, killed, and looked at afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lease_holder import STRANGER, processes_below, supervisors_of, wait_until

from tenantry.address import Address
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer


@pytest.fixture
def home(run_folder: Path) -> Iterator[Path]:
    """A fresh folder that is not too slow for many starts; as root's, nobody else can enter it."""
    folder = Path(tempfile.mkdtemp(prefix="home-", dir=run_folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def open_folder(run_folder: Path) -> Iterator[Path]:
    """A folder that an ordinary user reaches and owns; the run's own folder is root's, if root runs the tests."""
    folder = Path(tempfile.mkdtemp(dir=run_folder.parent))
    if os.geteuid() == 0:
        os.chown(folder, STRANGER, STRANGER)
    yield folder
    assert wait_until(lambda: not processes_below(folder) and not supervisors_of(folder), 5)
    shutil.rmtree(folder)


@pytest.fixture
def start(home: Path, binaries: Binaries) -> Iterator[Callable[..., EmbeddedServer]]:
    """A way to make servers, by default all with the same folder; they are stopped afterwards."""
    servers = []

    def make(folder: Path | str = home, binaries: Binaries = binaries, *, durable: bool = True) -> EmbeddedServer:
        servers.append(EmbeddedServer(folder, binaries, durable))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()


@pytest.fixture
def ask() -> Callable[[Address, str], str]:
    """A way to get what a statement returns, by psql."""
    psql = Binaries.wheel().path("psql")

    def run(address: Address, statement: str) -> str:
        return subprocess.run(
            [psql, "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--command", statement],
            env=address.libpq_environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    return run
