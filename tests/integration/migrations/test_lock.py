"""One migrates, the others wait and then find nothing to do; nobody waits inside the server."""

from __future__ import annotations

import asyncio
import time

import pytest
from shop_project import Project

from tenantry import Address, errors
from tenantry.migrations import current_revision, migrate
from tenantry.migrations.lock import migration_lock
from tenantry.postgres.connect import connect
from tenantry.postgres.connection import Connection
from tenantry.secrets import StaticSource

SLOW = "op.execute('SELECT pg_sleep(0.5)'); op.create_table('slow', sa.Column('id', sa.Integer))"


async def open_connection(address: Address, name: str = "test") -> Connection:
    return await connect(StaticSource(address), deadline=10, application_name=name)


async def test_of_three_processes_one_migrates_and_all_succeed(shop: Project) -> None:
    """Alembic alone lets one win and two die."""
    await shop.revision("r1", SLOW)
    printed = await asyncio.gather(*(shop.alembic("upgrade", "head") for _ in range(3)))
    assert len(printed) == 3
    assert await current_revision(shop.deployment) == "r1"


async def test_tasks_of_one_process_take_turns(shop: Project) -> None:
    """Alembic's module globals would mix them up."""
    await shop.revision("r1", SLOW)
    await asyncio.gather(*(migrate(shop.deployment) for _ in range(3)))
    assert await current_revision(shop.deployment) == "r1"


async def test_waiting_does_not_hold_up_a_concurrent_index(shop: Project) -> None:
    """A waiter inside the server would have a snapshot, and CREATE INDEX CONCURRENTLY waits for those: a deadlock."""
    await shop.revision("r1", "op.create_table('one', sa.Column('id', sa.Integer))")
    await shop.revision(
        "r2",
        "import time; time.sleep(0.3)\n    with op.get_context().autocommit_block():\n"
        "        op.create_index('one_id', 'one', ['id'], postgresql_concurrently=True)",
        follows="r1",
    )
    async with asyncio.timeout(20):
        await asyncio.gather(*(shop.alembic("upgrade", "head") for _ in range(2)), migrate(shop.deployment))
    assert await shop.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'one_id'::regclass")


async def test_a_lock_that_is_not_given_back_names_its_holder(empty_database: Address) -> None:
    """The error says who has had it since when; the next one gets it as soon as the holder is gone."""
    holder, waiter = await open_connection(empty_database, "deploy 7"), await open_connection(empty_database)
    try:
        async with migration_lock(holder, wait=0):
            began = time.monotonic()
            with pytest.raises(errors.MigrationLocked, match=r"deploy 7 \(pid \d+\), since \d{4}-") as locked:
                async with migration_lock(waiter, wait=0.3):
                    pass
            assert time.monotonic() - began < 2
            assert str(holder.get_server_pid()) in str(locked.value)
            holder.terminate()
        async with migration_lock(waiter, wait=5):
            pass
    finally:
        await waiter.close()


async def test_the_lock_is_given_back_after_an_error(empty_database: Address) -> None:
    first, second = await open_connection(empty_database), await open_connection(empty_database)
    try:
        with pytest.raises(ZeroDivisionError):
            async with migration_lock(first, wait=0):
                raise ZeroDivisionError
        async with migration_lock(second, wait=0):
            pass
    finally:
        await first.close()
        await second.close()


async def test_a_busy_table_is_not_waited_for_for_long(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that waits for a table makes everybody after it wait; it gives up, and says what to do."""
    monkeypatch.setattr("tenantry.migrations.target.TABLE_LOCK_TIMEOUT", "200ms")
    await shop.revision("r1", "op.create_table('one', sa.Column('id', sa.Integer))")
    await shop.revision("r2", "op.add_column('one', sa.Column('more', sa.Integer))", follows="r1")
    await migrate(shop.deployment, "r1")
    reader = await open_connection(shop.address)
    try:
        async with reader.transaction():
            await reader.execute("SELECT * FROM one")
            with pytest.raises(errors.MigrationError, match="200ms"):
                await migrate(shop.deployment)
        await migrate(shop.deployment)
    finally:
        await reader.close()
    assert await current_revision(shop.deployment) == "r2"
