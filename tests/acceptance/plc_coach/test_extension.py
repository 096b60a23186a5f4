"""Criterion 2: what happens where the server has pgvector, and where it has not."""

from __future__ import annotations

import asyncpg
import pytest
from plain import connected

from plc_coach.service import service
from tenantry import errors
from tenantry.alembic import current_revision, migrate
from tenantry.commands.doctor.database import ask_database, check_database
from tenantry.deployment import Deployment
from tenantry.testing import Administrator, Cluster, ScratchDatabase

AVAILABLE = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"


async def test_a_server_without_it_is_one_clear_error(
    tenantry_cluster: Cluster, tenantry_administrator: Administrator
) -> None:
    """Criterion 2: the package is named, and nothing of the schema was made."""
    if tenantry_administrator.fetch(AVAILABLE):
        pytest.skip("needs a server without pgvector, such as Debian's PostgreSQL as it is")
    with tenantry_cluster.scratch(service, {}) as scratch:
        with pytest.raises(errors.ExtensionMissing, match=r"postgresql-\d+-pgvector") as caught:
            await migrate(Deployment(service, scratch.settings))
        assert "vector" in caught.value.what
        assert await current_revision(Deployment(service, scratch.settings)) is None
        async with connected(scratch.superuser) as connection:
            assert await connection.fetchval("SELECT to_regclass('users')") is None


async def test_doctor_shows_the_version_in_use(
    tenantry_clone: ScratchDatabase, tenantry_administrator: Administrator
) -> None:
    """Criterion 2: after the migration, the one that the server has."""
    ((available,),) = tenantry_administrator.fetch(AVAILABLE)
    asked = await ask_database(Deployment(service, tenantry_clone.settings))
    said = {verdict.message for verdict in check_database(asked) if verdict.name == "extension"}
    assert said == {f"vector {available}"}


async def test_a_vector_keeps_what_it_was_given(superuser: asyncpg.Connection) -> None:
    """Nearest by cosine distance, which is the operator that the index is for."""
    query = "SELECT '[1,0]'::vector <=> '[0,1]'::vector, '[1,0]'::vector <=> '[2,0]'::vector"
    assert tuple(await superuser.fetchrow(query)) == (1.0, 0.0)
