"""What our own plugin gives, under the short names of this suite, and a database that belongs to no service.

TENANTRY_TEST_POSTGRES says which PostgreSQL: a version of the wheel ("18", "16"), or the folder of an installed one's
programs.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.address import Address
from tenantry.postgres.binaries import Binaries, find_binaries
from tenantry.postgres.server import Server
from tenantry.testing.administrator import Administrator
from tenantry.testing.cluster import Cluster
from tenantry.testing.options import choose_version
from tenantry.testing.pytest_run import RUN

__all__ = ["Administrator"]


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that tests start, also where a shell started us in the background.

    Such a shell ignores SIGINT, and what is ignored stays so in every process that we start (POSIX, `exec`).
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def binaries(pytestconfig: pytest.Config) -> Binaries:
    """The programs of the PostgreSQL under test."""
    return find_binaries(choose_version(pytestconfig))


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> Path:
    """The folder of this run, in memory where there is room; nobody else may enter it."""
    return pytestconfig.stash[RUN].folder


@pytest.fixture(scope="session")
def server(tenantry_server: Server) -> Server:
    """A running server that all workers share, and with it its roles."""
    return tenantry_server


@pytest.fixture(scope="session")
def administrator(tenantry_administrator: Administrator) -> Administrator:
    """A way to run single statements as superuser, whatever loop the test may be in."""
    return tenantry_administrator


@pytest.fixture
def empty_database(tenantry_cluster: Cluster) -> Iterator[Address]:
    """A fresh database without anything in it, as its superuser sees it."""
    with tenantry_cluster.database() as address:
        yield address
