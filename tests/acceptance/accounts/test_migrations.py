"""Criteria 2 and 3: Alembic makes the tables, takes them back, and makes the same again, as CI does on every change."""

from __future__ import annotations

import subprocess
import uuid

import asyncpg
import pytest
from history import alembic, differences, tables

from accounts.models import Tenant, User
from accounts.service import service
from accounts.settings import Settings
from tenantry import Address
from tenantry.alembic import head_revision, migrate, rollback
from tenantry.deployment import Deployment
from tenantry.testing import ScratchDatabase


def run(address: Address, *arguments: str, variable: str = "DATABASE_URL") -> subprocess.CompletedProcess[str]:
    """Run Alembic in the service's folder, told only where the database is."""
    return alembic(service, {variable: address.url.get_secret_value()}, *arguments)


def test_ac2_alembic_works_from_the_services_folder(tenantry_empty: ScratchDatabase) -> None:
    """Criterion 2: told by the story's `DATABASE_URL` alone: current, upgrade, check, downgrade, upgrade."""
    address = tenantry_empty.superuser
    first = run(address, "current")
    assert (first.returncode, first.stdout.strip()) == (0, ""), first.stderr
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head")):
        done = run(address, *arguments)
        assert done.returncode == 0, done.stderr
    assert run(address, "current").stdout.strip() == f"{head_revision(service)} (head)"


def test_the_services_own_variable_is_preferred(address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several services may run side by side, each with its own; the bare name is for one that runs alone."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    done = run(address, "current", variable="ACCOUNTS_DATABASE_URL")
    assert done.stdout.strip() == f"{head_revision(service)} (head)", done.stderr


async def test_ac3_the_migration_creates_the_tables(tenantry_empty: ScratchDatabase) -> None:
    """Criterion 3: the first revision makes the story's two tables and no other."""
    assert await tables(tenantry_empty.superuser) == set()
    await migrate(Deployment(service, tenantry_empty.settings), "0001")
    assert await tables(tenantry_empty.superuser) == {"tenants", "users"}


async def test_one_step_back_loses_no_account(
    address: Address, settings: Settings, superuser: asyncpg.Connection
) -> None:
    """What stands beside the story's tables can be taken back without their rows."""
    tenant = uuid.uuid4()
    async with Deployment(service, settings).database() as database, database.tenant(tenant) as session:
        session.add(Tenant(id=tenant, name="Acme"))
        await session.flush()
        session.add(User(username="ada", email="ada@acme.example", hashed_password="x", roles=["admin"]))
    await rollback(Deployment(service, settings), "0001")
    assert await tables(address) == {"tenants", "users"}
    assert await superuser.fetchval("SELECT count(*) FROM users") == 1


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE users NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation_policy ON tenants",
        "GRANT UPDATE ON tenants TO accounts_app",
        "GRANT EXECUTE ON FUNCTION tenant_of_users_by_email TO PUBLIC",
        "ALTER TABLE users DROP CONSTRAINT uq_users_email",
        "ALTER TABLE users DROP CONSTRAINT fk_users_tenant_id_tenants",
    ],
)
async def test_a_database_that_was_changed_by_hand_is_noticed(
    settings: Settings, superuser: asyncpg.Connection, change: str
) -> None:
    await superuser.execute(change)
    assert await differences(Deployment(service, settings)) != ""
