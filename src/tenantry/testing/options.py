"""The user's choice of the PostgreSQL that the tests run on.

The first of these that is set: `--tenantry-postgres`, the variables TENANTRY_TEST_DATABASE_URL and
TENANTRY_TEST_POSTGRES, `tenantry_postgres` in pytest's configuration, `postgres` in [tool.tenantry].
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tenantry.postgres.server import Server

__all__ = ["URL_VARIABLE", "VERSION_VARIABLE", "choose_server", "choose_version", "pytest_addoption"]

URL_VARIABLE = "TENANTRY_TEST_DATABASE_URL"
VERSION_VARIABLE = "TENANTRY_TEST_POSTGRES"

WHICH = "a version of the embedded server (18, 16), or the folder of an installed server's programs"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option to the command line and to pytest's configuration."""
    parser.getgroup("tenantry").addoption(
        "--tenantry-postgres", metavar="WHICH", help=f"PostgreSQL to run the tests on: {WHICH}"
    )
    parser.addini("tenantry_postgres", f"PostgreSQL to run the tests on: {WHICH}", default="")


def choose_server(config: pytest.Config, folder: Path) -> Server:
    """Return the server of this run. The embedded server keeps its data below `folder`.

    Raises:
        ConfigurationError: the URL or the project's [tool.tenantry] is malformed.
        BinariesMissing: the folder has no such programs.
    """
    # These imports are slow, and a run that needs no database must not wait for them.
    from tenantry.address import Address  # noqa: PLC0415
    from tenantry.postgres.binaries import find_binaries  # noqa: PLC0415
    from tenantry.postgres.embedded import EmbeddedServer  # noqa: PLC0415
    from tenantry.postgres.remote import RemoteServer  # noqa: PLC0415

    url = _url(config)
    if url:
        return RemoteServer(Address.parse(url, variable=URL_VARIABLE))
    return EmbeddedServer(folder / "postgres", find_binaries(choose_version(config)), durable=False)


def choose_version(config: pytest.Config) -> str:
    """Return which embedded PostgreSQL to run, as `find_binaries` takes it."""
    from tenantry.project import find_project  # noqa: PLC0415

    given: str | None = config.getoption("tenantry_postgres")
    configured: str = config.getini("tenantry_postgres")
    return given or os.environ.get(VERSION_VARIABLE) or configured or find_project(config.rootpath).postgres_spec


def _url(config: pytest.Config) -> str:
    given: str | None = config.getoption("tenantry_postgres")
    return "" if given else os.environ.get(URL_VARIABLE, "").strip()
