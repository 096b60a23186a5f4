from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tenantry import Address
from tenantry.postgres.server import Server

if TYPE_CHECKING:
    from tests.conftest import Administrator


@pytest.fixture
def absent(server: Server, administrator: Administrator) -> Iterator[Address]:
    """The superuser's address of a database that does not exist yet."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    yield server.address(name)
    administrator.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
