"""Criterion 2: the table is the story's DDL. Criterion 1: `db/init.sql` and the migrations make the same catalog."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import asyncpg
import pytest
from history import alembic, differences, dump

import items
from items.db.__main__ import render
from items.service import service
from items.settings import Settings
from tenantry import Address
from tenantry.alembic import current_revision, head_revision
from tenantry.deployment import Deployment
from tenantry.postgres.binaries import Binaries
from tenantry.proof.audit.inspection import audit_database
from tenantry.testing import ScratchDatabase

FOLDER = Path(items.__file__).parent
INIT = FOLDER / "db" / "init.sql"

# The story's own words, but for its function: `clock_timestamp()` where it has `NOW()`, and out of reach of PUBLIC.
STORY = """
CREATE TABLE items (
    id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name            VARCHAR(255) NOT NULL,
    description     TEXT,
    created_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at      TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    CONSTRAINT items_name_not_empty CHECK (LENGTH(TRIM(name)) > 0)
);
CREATE INDEX idx_items_created_at ON items (created_at DESC);
CREATE INDEX idx_items_name ON items (name);
CREATE FUNCTION update_updated_at_column() RETURNS TRIGGER SET search_path TO pg_catalog AS $$
BEGIN
    NEW.updated_at = clock_timestamp();
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER trigger_items_updated_at
    BEFORE UPDATE ON items
    FOR EACH ROW
    EXECUTE FUNCTION update_updated_at_column();
"""


def run(binaries: Binaries, address: Address, program: str, *arguments: str, text: str = "") -> str:
    """Run one of the server's own programs on the database."""
    done = subprocess.run(
        [binaries.path(program), *arguments],
        env={**os.environ, **address.libpq_environment()},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_is_the_storys(binaries: Binaries, address: Address, empty_database: Address) -> None:
    """Criterion 2: columns, defaults, constraint, indexes and trigger, as the story's own statements make them."""
    run(binaries, empty_database, "psql", "-v", "ON_ERROR_STOP=1", "-f", "-", text=STORY)
    only = ("--table=items", "--no-owner", "--no-privileges")
    expected = dump(binaries, empty_database, *only)
    assert all(
        name in expected for name in ("items_name_not_empty", "idx_items_created_at", "trigger_items_updated_at")
    )
    assert dump(binaries, address, *only) == expected


async def test_updated_at_moves_with_every_update(superuser: asyncpg.Connection) -> None:
    """Whoever sends it, and twice in one transaction."""
    await superuser.execute("INSERT INTO items (name) VALUES ('Lamp')")
    touch = "UPDATE items SET name = name RETURNING updated_at"
    seen = [await superuser.fetchval("SELECT updated_at FROM items")]
    async with superuser.transaction():
        seen += [await superuser.fetchval(touch), await superuser.fetchval(touch)]
    assert sorted(set(seen)) == seen


@pytest.mark.parametrize("name", ["", "   "])
async def test_the_database_itself_refuses_a_blank_name(superuser: asyncpg.Connection, name: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as caught:
        await superuser.execute("INSERT INTO items (name) VALUES ($1)", name)
    assert caught.value.constraint_name == "items_name_not_empty"


def test_the_script_is_what_the_migrations_print() -> None:
    """Criterion 1: whoever changes a migration runs `python -m items.db`."""
    assert INIT.read_text() == render()


async def test_the_script_and_the_migrations_make_one_catalog(
    binaries: Binaries, address: Address, empty_database: Address, tenantry_empty: ScratchDatabase
) -> None:
    """Criterion 1: owners, grants and the revision included, so that the migrations go on from there."""
    await asyncio.to_thread(run, binaries, empty_database, "psql", "-v", "ON_ERROR_STOP=1", "-q", "-f", str(INIT))
    made = await asyncio.to_thread(dump, binaries, empty_database)
    assert "idx_items_created_at" in made
    assert made == await asyncio.to_thread(dump, binaries, address)
    settings = Settings(migration_database_url=empty_database.url, database_url=empty_database.url)
    assert await current_revision(Deployment(service, settings)) == head_revision(service)
    # The mutant: one index less is another catalog.
    await asyncio.to_thread(run, binaries, empty_database, "psql", "-c", "DROP INDEX idx_items_name")
    assert made != await asyncio.to_thread(dump, binaries, empty_database)


async def test_a_database_that_was_changed_by_hand_is_noticed(
    settings: Settings, superuser: asyncpg.Connection
) -> None:
    """`alembic check` sees a constraint that is gone, and the audit a grant to PUBLIC."""
    await superuser.execute("ALTER TABLE items DROP CONSTRAINT items_name_not_empty")
    assert await differences(Deployment(service, settings)) != ""
    await superuser.execute("GRANT SELECT ON items TO PUBLIC")
    assert await audit_database(Deployment(service, settings)) != []


def test_alembic_works_from_the_services_folder(empty_database: Address) -> None:
    """With the story's variables alone, in a database where nothing was prepared."""
    host = empty_database.hosts[0]
    told = {"DB_HOST": host.name, "DB_PORT": str(host.port), "DB_NAME": empty_database.database}
    told |= {"DB_USER": empty_database.user, "DB_PASSWORD": "unused"}
    for arguments in (("upgrade", "head"), ("check",), ("downgrade", "-1"), ("upgrade", "+1"), ("current",)):
        done = alembic(service, told, *arguments)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{head_revision(service)} (head)"
