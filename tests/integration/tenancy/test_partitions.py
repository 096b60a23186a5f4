"""A tenant's table in partitions: one of them is planned for, and none can be read by its own name."""

from __future__ import annotations

import re

import pytest
from bookshop import ROLES, Reading
from plans import plan_of
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from tenantry import Address, Database
from tenantry.postgres.connect import connect
from tenantry.postgres.sqlstate import sqlstate_of
from tenantry.secrets import StaticSource

TENANTS = [f"tenant-{number}" for number in range(12)]


@pytest.fixture
async def filled(shop: Database) -> Database:
    """Every tenant has three rows."""
    for tenant in TENANTS:
        async with shop.tenant(tenant) as session:
            session.add_all([Reading(number=number) for number in range(3)])
    return shop


async def test_a_tenant_sees_its_rows_and_no_others(filled: Database) -> None:
    for tenant in TENANTS:
        async with filled.tenant(tenant, read_only=True) as session:
            rows = (await session.scalars(select(Reading))).all()
            assert {row.tenant_id for row in rows} == {tenant}
            assert len(rows) == 3
            # Textual SQL has no predicate of the toolkit's: this is row security alone.
            assert await session.scalar(text("SELECT count(*) FROM readings")) == 3


async def test_one_partition_is_planned_for(filled: Database) -> None:
    """The explicit predicate prunes when the statement is planned; the policy alone could not."""
    async with filled.tenant(TENANTS[0], read_only=True) as session:
        plan = await plan_of(session, select(func.count()).select_from(Reading))
        assert len(set(re.findall(r"on (readings_p\d)", plan))) == 1
        everywhere = "\n".join(await session.scalars(text("EXPLAIN SELECT count(*) FROM readings")))
        assert len(set(re.findall(r"on (readings_p\d)", everywhere))) == 4


@pytest.mark.parametrize("partition", [f"readings_p{number}" for number in range(4)])
@pytest.mark.parametrize("statement", ["SELECT * FROM {}", "INSERT INTO {} VALUES ('tenant-0', 9)", "TRUNCATE {}"])
async def test_a_partition_cannot_be_reached_by_its_name(shop: Database, partition: str, statement: str) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with shop.tenant("tenant-0") as session:
            await session.execute(text(statement.format(partition)))
    assert sqlstate_of(caught.value) == "42501"


async def test_a_grant_on_a_partition_opens_no_row(shop_address: Address, filled: Database) -> None:
    """Each has row security of its own, and no policy for the application."""
    superuser = await connect(StaticSource(shop_address), deadline=5, application_name="test")
    try:
        for number in range(4):
            await superuser.execute(f"GRANT SELECT ON readings_p{number} TO {ROLES.application}")
    finally:
        await superuser.close()
    async with filled.tenant(TENANTS[0], read_only=True) as session:
        for number in range(4):
            assert await session.scalar(text(f"SELECT count(*) FROM readings_p{number}")) == 0


async def test_the_owner_reaches_the_rows_of_every_partition(shop_address: Address, filled: Database) -> None:
    """A foreign key or a check that a later migration adds is proven partition by partition, as the owner."""
    superuser = await connect(StaticSource(shop_address), deadline=5, application_name="test")
    try:
        await superuser.execute(f"SET ROLE {ROLES.owner}")
        counts = [await superuser.fetchval(f"SELECT count(*) FROM readings_p{number}") for number in range(4)]
        assert sum(counts) == 3 * len(TENANTS)
        assert await superuser.execute("UPDATE readings SET number = number + 10") == f"UPDATE {3 * len(TENANTS)}"
    finally:
        await superuser.close()
