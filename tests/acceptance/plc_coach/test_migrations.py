"""Criteria 2 and 4: Alembic makes the tables, takes them back with the rows in them, and makes the same again."""

from __future__ import annotations

import re
import subprocess

import asyncpg
import pytest
from coaching import fill
from history import alembic, differences, tables
from plain import connected

from plc_coach.service import service
from plc_coach.settings import Settings
from tenantry import Address, Database
from tenantry.alembic import head_revision, make_config, migrate, rollback
from tenantry.deployment import Deployment
from tenantry.testing import ScratchDatabase

STORY = {"users", "sessions", "conversations", "messages"}


def run(address: Address, *arguments: str, variable: str = "DATABASE_URL") -> subprocess.CompletedProcess[str]:
    """Run Alembic in the service's folder, told only where the database is."""
    return alembic(service, {variable: address.url.get_secret_value()}, *arguments)


def test_ac4_alembic_works_from_the_services_folder(tenantry_empty: ScratchDatabase) -> None:
    """Criterion 4: told by `DATABASE_URL` alone: current, upgrade, check, downgrade, upgrade."""
    address = tenantry_empty.superuser
    first = run(address, "current")
    assert (first.returncode, first.stdout.strip()) == (0, ""), first.stderr
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "base"), ("upgrade", "head")):
        done = run(address, *arguments)
        assert done.returncode == 0, done.stderr
    assert run(address, "current", variable="PLC_COACH_DATABASE_URL").stdout.startswith(str(head_revision(service)))


async def test_ac4_the_initial_migration_makes_the_storys_tables(tenantry_empty: ScratchDatabase) -> None:
    """Criterion 2, criterion 4: the extension comes with them."""
    address = tenantry_empty.superuser
    await migrate(Deployment(service, tenantry_empty.settings), "20251113010000")
    assert await tables(address) == STORY
    async with connected(address) as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'vector'") == 1


def test_ac4_files_are_named_by_time_and_description() -> None:
    """Criterion 4: fourteen digits, then words."""
    names = sorted(path.name for path in (service.migrations / "versions").glob("*.py"))
    assert names
    assert all(re.fullmatch(r"\d{14}_[a-z0-9_]+\.py", name) for name in names)


def test_ac4_a_new_revision_is_named_likewise(tmp_path: object) -> None:
    """Criterion 4: `alembic revision` takes its form from alembic.ini."""
    template = make_config(service).get_main_option("file_template")
    assert template == "%(year)d%(month).2d%(day).2d%(hour).2d%(minute).2d%(second).2d_%(slug)s"


async def test_ac4_rolled_back_with_rows_and_made_again(
    settings: Settings, database: Database, address: Address
) -> None:
    """Criterion 4: whatever was in the tables; what is made again takes the same rows."""
    await fill(database)
    await database.engine.dispose()
    await rollback(Deployment(service, settings), "base")
    assert await tables(address) == set()
    await migrate(Deployment(service, settings))
    await fill(database)


async def test_a_rollback_of_what_was_added_keeps_the_storys_rows(
    settings: Settings, database: Database, superuser: asyncpg.Connection
) -> None:
    """Back to before the embeddings loses them alone; back to before the policies loses no row."""
    await fill(database)
    await database.engine.dispose()
    query = "SELECT (SELECT count(*) FROM users) * 1000 + (SELECT count(*) FROM messages)"
    before = await superuser.fetchval(query)
    assert before > 4000
    for revision in ("20251113020000", "20251113010000"):
        await rollback(Deployment(service, settings), revision)
        assert await superuser.fetchval(query) == before
    await migrate(Deployment(service, settings))
    assert await superuser.fetchval(query) == before


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE message_embeddings_p07 NO FORCE ROW LEVEL SECURITY",
        "DROP TABLE message_embeddings_p31",
        "GRANT SELECT ON message_embeddings_p00 TO plc_coach_app",
        "DROP INDEX idx_message_embeddings_embedding",
        "DROP INDEX idx_messages_conversation",
        "ALTER TABLE messages DROP CONSTRAINT ck_messages_role",
        "ALTER TABLE sessions DROP CONSTRAINT fk_sessions_organization_id_user_id_users",
        "GRANT EXECUTE ON FUNCTION tenant_of_sessions_by_id TO PUBLIC",
        "ALTER TABLE users ALTER email TYPE varchar(100)",
    ],
)
async def test_a_database_that_was_changed_by_hand_is_noticed(
    settings: Settings, superuser: asyncpg.Connection, change: str
) -> None:
    await superuser.execute(change)
    assert await differences(Deployment(service, settings)) != ""
