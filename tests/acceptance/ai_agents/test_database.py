"""The tests that the story names (task 8): rows go in, come out, and stay with their tenant."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from servicedesk import SECRETS, tenant_row
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import undefer

from ai_agents.models import EnhancementHistory, TenantConfig
from tenantry import Database, errors
from tenantry.postgres.sqlstate import constraint_of, sqlstate_of


async def test_insert_tenant_config(database: Database) -> None:
    """Criterion 7: the database fills in what the story calls auto-generated."""
    async with database.tenant("acme") as session:
        row = tenant_row("acme")
        session.add(row)
        await session.flush()
        assert row.id is not None
        assert row.created_at == row.updated_at
        assert row.created_at.tzinfo is not None
        await session.refresh(row, ["enhancement_preferences"])
        assert row.enhancement_preferences == {}


async def test_query_tenant_config(database: Database) -> None:
    """Criterion 7: a tenant finds itself by its id, and its secrets open when they are asked for."""
    async with database.tenant("acme") as session:
        session.add(tenant_row("acme", enhancement_preferences={"llm_model": "gpt-4o-mini"}))
    async with database.tenant("acme", read_only=True) as session:
        everything = (undefer(TenantConfig.servicedesk_api_key), undefer(TenantConfig.webhook_signing_secret))
        statement = select(TenantConfig).where(TenantConfig.tenant_id == "acme").options(*everything)
        found = (await session.scalars(statement)).one()
        assert found.name == "Acme"
        assert found.enhancement_preferences == {"llm_model": "gpt-4o-mini"}
        assert found.servicedesk_api_key == SECRETS["servicedesk_api_key"]
        assert found.webhook_signing_secret == SECRETS["webhook_signing_secret"]


async def test_insert_enhancement_history(database: Database) -> None:
    """Criterion 7: the tenant, the id and the time are the database's to fill in."""
    async with database.tenant("acme") as session:
        row = EnhancementHistory(ticket_id="T-1", status="pending", context_gathered={"tickets": [1, 2]})
        session.add(row)
        await session.flush()
        assert (row.tenant_id, row.ticket_id) == ("acme", "T-1")
        assert row.id is not None
        assert row.created_at.tzinfo is not None


async def test_query_enhancement_history(database: Database) -> None:
    """Criterion 7: rows come back by tenant, as they were written."""
    async with database.tenant("acme") as session:
        for number in range(3):
            session.add(EnhancementHistory(ticket_id=f"T-{number}", status="pending"))
    async with database.tenant("acme", read_only=True) as session:
        statement = select(EnhancementHistory).where(EnhancementHistory.tenant_id == "acme")
        rows = (await session.scalars(statement.order_by(EnhancementHistory.ticket_id))).all()
        assert [row.ticket_id for row in rows] == ["T-0", "T-1", "T-2"]
        assert rows[0].completed_at is None


async def test_rls_enforcement(database: Database) -> None:
    """Criterion 4: another tenant's queries return nothing, its writes touch nothing, and both hold for both tables."""
    async with database.tenant("acme") as session:
        session.add_all([tenant_row("acme"), EnhancementHistory(ticket_id="T-1", status="pending")])
    async with database.tenant("globex") as session:
        for model in (TenantConfig, EnhancementHistory):
            assert (await session.scalars(select(model))).all() == []
            # Textual SQL has no predicate of the toolkit's: this is row security alone.
            count = text(f"SELECT count(*) FROM {model.__tablename__}")
            assert (await session.execute(count)).scalar_one() == 0
        changed = await session.execute(text("UPDATE enhancement_history SET status = 'failed'"))
        assert changed.rowcount == 0  # type: ignore[attr-defined]
    async with database.tenant("acme") as session:
        assert (await session.scalars(select(EnhancementHistory.status))).one() == "pending"


@pytest.mark.parametrize(
    "statement",
    [
        insert(EnhancementHistory).values(tenant_id="globex", ticket_id="T-1", status="pending"),
        update(EnhancementHistory).values(tenant_id="globex"),
    ],
    ids=["insert", "update"],
)
async def test_a_row_cannot_be_given_to_another_tenant(database: Database, statement: object) -> None:
    """Criterion 4: the policies check what is written, not only what is read."""
    async with database.tenant("acme") as session:
        session.add(EnhancementHistory(ticket_id="T-1", status="pending"))
    with pytest.raises(DBAPIError) as caught:
        async with database.tenant("acme") as session:
            await session.execute(statement)  # type: ignore[call-overload]
    assert sqlstate_of(caught.value) == "42501"


async def test_nothing_is_sent_without_a_tenant(database: Database) -> None:
    async with database.session() as session:
        with pytest.raises(errors.TenantRequired):
            await session.execute(select(EnhancementHistory))


async def test_the_table_itself_shows_nothing_without_a_tenant(
    database: Database, superuser: asyncpg.Connection
) -> None:
    """What gets past the toolkit, as psql in the application's role does, meets the policy."""
    async with database.tenant("acme") as session:
        session.add(EnhancementHistory(ticket_id="T-1", status="pending"))
    await superuser.execute("SET ROLE app_user")
    assert await superuser.fetchval("SELECT count(*) FROM enhancement_history") == 0


@pytest.mark.parametrize("table", ["tenant_configs", "enhancement_history", "webhook_deliveries"])
async def test_the_application_cannot_delete(database: Database, table: str) -> None:
    """Task 5: SELECT, INSERT and UPDATE are granted, and nothing else."""
    with pytest.raises(DBAPIError) as caught:
        async with database.tenant("acme") as session:
            await session.execute(text(f"DELETE FROM {table}"))
    assert sqlstate_of(caught.value) == "42501"


async def test_the_admin_sees_all_tenants(database: Database) -> None:
    for tenant in ("acme", "globex"):
        async with database.tenant(tenant) as session:
            session.add(EnhancementHistory(ticket_id="T-1", status="pending"))
    async with database.admin(reason="count for the month's report") as session:
        rows = await session.execute(
            select(EnhancementHistory.tenant_id, func.count()).group_by(EnhancementHistory.tenant_id)
        )
        assert dict(rows.all()) == {"acme": 1, "globex": 1}


async def test_a_status_outside_of_the_three_is_refused(database: Database) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with database.tenant("acme") as session:
            session.add(EnhancementHistory(ticket_id="T-1", status="queued"))
    assert constraint_of(caught.value) == "ck_enhancement_history_status"


async def test_a_tenant_is_configured_once(database: Database) -> None:
    async with database.tenant("acme") as session:
        session.add(tenant_row("acme"))
    with pytest.raises(IntegrityError) as caught:
        async with database.tenant("acme") as session:
            session.add(tenant_row("acme"))
    assert constraint_of(caught.value) == "ix_tenant_configs_tenant_id"


async def test_updated_at_moves_on_every_update(database: Database, superuser: asyncpg.Connection) -> None:
    """From the ORM, and from psql where no ORM would set it; twice in one transaction, too."""
    async with database.tenant("acme") as session:
        row = tenant_row("acme")
        session.add(row)
        await session.flush()
        created = row.updated_at
        row.name = "Acme Corporation"
        await session.flush()
        await session.refresh(row)
        by_orm = row.updated_at
    assert by_orm > created
    query = "UPDATE tenant_configs SET name = 'By hand' RETURNING updated_at, created_at"
    by_hand, kept = await superuser.fetchrow(query)
    assert by_hand > by_orm
    assert kept == created


async def test_the_pool_is_as_large_as_the_story_says(database: Database) -> None:
    """Criterion 5: 5 connections are kept and 15 more opened under load: 20 at once, and no 21st."""
    assert (database.pool_status().size, database.pool_status().limit) == (5, 20)
    assert database.settings.database_pool_timeout == 5
    assert database.settings.database_connect_timeout == 30

    async def hold(everyone: asyncio.Barrier) -> None:
        async with database.tenant("acme", read_only=True) as session:
            await session.execute(select(func.count()).select_from(EnhancementHistory))
            await everyone.wait()

    barrier = asyncio.Barrier(20)
    await asyncio.wait_for(asyncio.gather(*(hold(barrier) for _ in range(20))), timeout=20)
    assert database.pool_status().checked_out == 0
