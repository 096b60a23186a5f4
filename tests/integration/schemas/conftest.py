from __future__ import annotations

from collections.abc import Iterator

import pytest
from schema_space.project import PREFIX
from schema_space.trial import Trials

from tenantry.sql import identifier, literal
from tenantry.testing.administrator import Administrator
from tenantry.testing.cluster import Cluster


@pytest.fixture(scope="session")
def roles(tenantry_administrator: Administrator) -> Iterator[None]:
    """The roles of all schemas of this process, which no database of theirs outlives."""
    yield
    names = tenantry_administrator.fetch(
        f"SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, {literal(PREFIX)})"
    )
    for (name,) in names:
        tenantry_administrator.execute(f"DROP ROLE {identifier(name)}")


@pytest.fixture
def trials(tenantry_cluster: Cluster, roles: None) -> Iterator[Trials]:
    """Checks schemas in databases of their own."""
    with Trials(tenantry_cluster) as trials:
        yield trials
