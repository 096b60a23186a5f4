"""Criteria 2 and 8: Alembic makes the schema, takes it back, and makes the same again, by its own command line too."""

from __future__ import annotations

import subprocess

import asyncpg
import pytest
from history import alembic, differences, tables
from servicedesk import settings_for, tenant_row
from sqlalchemy import select

from ai_agents.models import EnhancementHistory, TenantConfig
from ai_agents.service import service
from tenantry import Address
from tenantry.alembic import current_revision, head_revision, migrate, rollback
from tenantry.deployment import Deployment

FOLDER = service.migrations.parent


def run(address: Address, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Alembic in the service's folder, told only where the database is."""
    told = {"AI_AGENTS_DATABASE_URL": address.url.get_secret_value(), "AI_AGENTS_DATABASE_CONNECT_TIMEOUT": "2"}
    return alembic(service, told, *arguments)


async def test_migration_rollback_and_reapply(address: Address) -> None:
    """Criterion 8: with rows in the tables; the rollback takes them along, and the schema that comes back works."""
    settings = settings_for(address)
    async with Deployment(service, settings).database() as database, database.tenant("acme") as session:
        session.add_all([tenant_row("acme"), EnhancementHistory(ticket_id="T-1", status="pending")])
    await rollback(Deployment(service, settings), "base")
    assert await tables(address) == set()
    assert await current_revision(Deployment(service, settings)) is None
    await migrate(Deployment(service, settings))
    assert await current_revision(Deployment(service, settings)) == head_revision(service)
    async with Deployment(service, settings).database() as database, database.tenant("acme") as session:
        assert (await session.scalars(select(TenantConfig))).all() == []
        session.add_all([tenant_row("acme"), EnhancementHistory(ticket_id="T-1", status="pending")])


async def test_the_policies_can_be_taken_back_and_the_rows_stay(
    address: Address, superuser: asyncpg.Connection
) -> None:
    """One step back from the isolation loses no row of the story's tables, and one forward isolates them again."""
    settings = settings_for(address)
    async with Deployment(service, settings).database() as database, database.tenant("acme") as session:
        session.add_all([tenant_row("acme"), EnhancementHistory(ticket_id="T-1", status="pending")])
    await rollback(Deployment(service, settings), "0001")
    flags = "SELECT bool_or(relrowsecurity OR relforcerowsecurity) FROM pg_class WHERE relnamespace = 2200"
    assert not await superuser.fetchval(flags)
    assert await superuser.fetchval("SELECT count(*) FROM pg_policies") == 0
    await migrate(Deployment(service, settings))
    async with Deployment(service, settings).database() as database:
        for tenant, count in (("acme", 1), ("globex", 0)):
            async with database.tenant(tenant) as session:
                assert len((await session.scalars(select(EnhancementHistory))).all()) == count


def test_alembic_works_from_the_services_folder(empty_database: Address) -> None:
    """Criterion 2: current, upgrade, check and downgrade, in a database where nothing was prepared."""
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "-1")):
        done = run(empty_database, *arguments)
        assert done.returncode == 0, done.stderr
    assert run(empty_database, "current").stdout.strip() == "0002"


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE enhancement_history NO FORCE ROW LEVEL SECURITY",
        "DROP POLICY tenant_isolation_policy ON tenant_configs",
        "GRANT DELETE ON enhancement_history TO app_user",
        "DROP TRIGGER trigger_tenant_configs_updated_at ON tenant_configs",
        "DROP INDEX ix_enhancement_history_status",
        "ALTER TABLE enhancement_history DROP CONSTRAINT ck_enhancement_history_status",
        "ALTER TABLE tenant_configs ALTER name TYPE varchar(200)",
    ],
)
async def test_a_database_that_was_changed_by_hand_is_noticed(
    address: Address, superuser: asyncpg.Connection, change: str
) -> None:
    await superuser.execute(change)
    assert await differences(Deployment(service, settings_for(address))) != ""


async def test_a_later_data_migration_reaches_the_rows(address: Address, superuser: asyncpg.Connection) -> None:
    """Row security is forced on the owner too; its maintenance policy keeps its UPDATE from touching nothing."""
    async with Deployment(service, settings_for(address)).database() as database, database.tenant("acme") as session:
        session.add(EnhancementHistory(ticket_id="T-1", status="pending"))
    await superuser.execute("SET ROLE ai_agents_owner")
    assert await superuser.execute("UPDATE enhancement_history SET llm_output = 'moved'") == "UPDATE 1"


def test_a_wrong_address_is_one_sentence() -> None:
    """No traceback, and no password."""
    wrong = Address.parse("postgresql://someone:a-password@127.0.0.1:1/ai_agents")
    done = run(wrong, "current")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "a-password" not in done.stdout + done.stderr
