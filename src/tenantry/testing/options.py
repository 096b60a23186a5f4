"""Which PostgreSQL the tests run on, as the user says it.

In this order: `--tenantry-postgres`, the variables TENANTRY_TEST_DATABASE_URL and TENANTRY_TEST_POSTGRES, the
configuration's `tenantry_postgres`, the project's own `postgres` under [tool.tenantry].
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

WHICH = "a version of the embedded one (18, 16) or the folder of an installed one's programs"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the choice on the command line and in the configuration."""
    parser.getgroup("tenantry").addoption(
        "--tenantry-postgres", metavar="WHICH", help=f"PostgreSQL to run the tests on: {WHICH}"
    )
    parser.addini("tenantry_postgres", f"PostgreSQL to run the tests on: {WHICH}", default="")


def choose_server(config: pytest.Config, folder: Path) -> Server:
    """Return the server of this run; one of our own keeps its data below `folder`.

    Raises:
        ConfigurationError: the URL is malformed, or the project's table is.
        BinariesMissing: there are no such programs.
    """
    # What these import takes long, and a run that needs no database shall not wait for it.
    from tenantry.address import Address  # noqa: PLC0415
    from tenantry.postgres.binaries import find_binaries  # noqa: PLC0415
    from tenantry.postgres.embedded import EmbeddedServer  # noqa: PLC0415
    from tenantry.postgres.remote import RemoteServer  # noqa: PLC0415

    url = _url(config)
    if url:
        return RemoteServer(Address.parse(url, variable=URL_VARIABLE))
    return EmbeddedServer(folder / "postgres", find_binaries(choose_version(config)), durable=False)


def choose_version(config: pytest.Config) -> str:
    """Return which PostgreSQL of our own to run, in the words of `find_binaries`."""
    from tenantry.project import find_project  # noqa: PLC0415

    given: str | None = config.getoption("tenantry_postgres")
    configured: str = config.getini("tenantry_postgres")
    return given or os.environ.get(VERSION_VARIABLE) or configured or find_project(config.rootpath).postgres_spec


def _url(config: pytest.Config) -> str:
    given: str | None = config.getoption("tenantry_postgres")
    return "" if given else os.environ.get(URL_VARIABLE, "").strip()
