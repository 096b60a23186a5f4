from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import bookshop
import pytest

from tenantry import Service
from tenantry.project import HOME_VARIABLE, Project


@pytest.fixture
def shop_service(tmp_path: Path) -> Service:
    """The bookshop as a service; its migrations are not looked at."""
    return Service(
        name="bookshop",
        metadata=bookshop.Base.metadata,
        settings=bookshop.Settings,
        migrations=tmp_path,
        app="bookshop:app",
        roles=bookshop.ROLES,
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An empty project, in an environment without any variable of its service."""
    # Tests that ran before in this process may have left secrets that they made.
    for name in [HOME_VARIABLE, *(name for name in os.environ if name.startswith("BOOKSHOP_"))]:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    yield Project(root=tmp_path)
    # The code under test writes into the environment of the process, on purpose.
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
