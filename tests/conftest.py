"""One real PostgreSQL for the whole run, and an empty database for each test that asks.

TENANTRY_TEST_POSTGRES says which: a version of the wheel ("18", "16"), or the folder of an installed one's programs.
Every process of the run holds a lease of the same server; the first to ask starts it, the last to end stops it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tenantry.address import Address
from tenantry.postgres.binaries import Binaries, find_binaries
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.embedded.lock import FileLock
from tenantry.postgres.server import Server

RUN_FOLDER = "TENANTRY_TEST_RUN_FOLDER"
RUN_LOCK = "run.lock"
PREFIX = "tenantry-tests-"

# Room for a template, the data and a few hundred small databases.
ENOUGH = 2 << 30
# CREATE DATABASE has had a choice of strategies since then.
STRATEGIES = 15

_owned = pytest.StashKey[tuple[Path, FileLock]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder, once: the workers find its name in the environment they inherit."""
    if RUN_FOLDER not in os.environ:
        place = _fast_place()
        _remove_abandoned(place)
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        lock = FileLock(folder / RUN_LOCK)
        lock.take()
        os.environ[RUN_FOLDER] = str(folder)
        config.stash[_owned] = (folder, lock)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder, in the process that made it; by now the workers have ended."""
    if _owned in config.stash:
        folder, lock = config.stash[_owned]
        del os.environ[RUN_FOLDER]
        _server(folder).stop()
        shutil.rmtree(folder)
        lock.close()


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The programs of the PostgreSQL under test."""
    return find_binaries(os.environ.get("TENANTRY_TEST_POSTGRES", "18"))


@pytest.fixture(scope="session")
def run_folder() -> Path:
    """The folder of this run, in memory where there is room; nobody else may enter it."""
    return Path(os.environ[RUN_FOLDER])


@pytest.fixture(scope="session")
def server(run_folder: Path) -> Iterator[Server]:
    """A running server that all workers share, and with it its roles."""
    server = _server(run_folder)
    with server.lease():
        yield server


@pytest.fixture(scope="session")
def administrator(server: Server) -> Iterator[Administrator]:
    """A way to run single statements as superuser, whatever loop the test may be in."""
    administrator = Administrator(server.address())
    yield administrator
    administrator.close()


@pytest.fixture
def empty_database(server: Server, administrator: Administrator) -> Iterator[Address]:
    """A fresh database without anything in it, as its superuser sees it."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    administrator.execute(f"CREATE DATABASE {name} TEMPLATE template0 {administrator.strategy}")
    yield server.address(name)
    administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Administrator:
    """One superuser's connection with an event loop and a thread of its own."""

    def __init__(self, address: Address) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = ThreadPoolExecutor(1, "administrator")
        self._connection = self._thread.submit(self._connect, address).result()
        # A copy of the files takes a third of the time that a copy through the log does.
        self.strategy = "STRATEGY file_copy" if self._connection.get_server_version().major >= STRATEGIES else ""

    def execute(self, statement: str) -> None:
        self._thread.submit(lambda: self._loop.run_until_complete(self._connection.execute(statement))).result()

    def close(self) -> None:
        self._thread.submit(lambda: self._loop.run_until_complete(self._connection.close())).result()
        self._thread.shutdown()
        self._loop.close()

    def _connect(self, address: Address) -> asyncpg.Connection:
        host = address.hosts[0]
        return self._loop.run_until_complete(
            asyncpg.connect(host=host.name, port=host.port, user=address.user, database=address.database, ssl=False)
        )


def _server(folder: Path) -> EmbeddedServer:
    binaries = find_binaries(os.environ.get("TENANTRY_TEST_POSTGRES", "18"))
    return EmbeddedServer(folder / "postgres", binaries, durable=False)


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of runs that were killed; the kernel gave their locks back."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError), FileLock(folder / RUN_LOCK) as lock:
            if lock.take():
                _server(folder).stop()
                shutil.rmtree(folder)


def _fast_place() -> Path:
    """Return a place in memory if there is one with enough room."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        room = os.statvfs(memory)
        if room.f_bavail * room.f_frsize > ENOUGH:
            return memory
    return Path(tempfile.gettempdir())
