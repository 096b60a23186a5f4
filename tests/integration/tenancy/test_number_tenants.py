"""Tenants that are numbers are bound as bigints on every path of the ORM, whichever number came first.

SQLAlchemy keeps what it compiled, with the types of the values that it met: a small tenant first, and a tenant beyond
32 bits after it, are what tells.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import signed_schema
from sqlalchemy import BigInteger, select, update
from sqlalchemy.orm import aliased

from tenantry import Address, Database, TenantSession

SMALL, LARGE = 7, 2**40
NUMBERED = signed_schema.make_signed_schema(BigInteger(), SMALL, LARGE, signed=False)
Box, Depositor = NUMBERED.box, NUMBERED.depositor


@pytest.fixture
async def numbered(empty_database: Address) -> AsyncIterator[Database]:
    """A database with a depositor and a box of each tenant."""
    await NUMBERED.build(empty_database, None)
    async with signed_schema.open_database(NUMBERED, signed_schema.settings_for(empty_database)) as database:
        for tenant in (SMALL, LARGE):
            async with database.tenant(tenant) as session:
                depositor = Depositor(email=f"{tenant}@example.org")
                session.add(depositor)
                await session.flush()
                session.add(Box(content=f"of {tenant}", depositor_id=depositor.id))
        yield database


async def _select(session: TenantSession) -> list[int]:
    return [box.tenant_id for box in await session.scalars(select(Box))]


async def _select_alias(session: TenantSession) -> list[int]:
    return list(await session.scalars(select(aliased(Box).tenant_id)))


async def _select_join(session: TenantSession) -> list[int]:
    joined = select(Box.tenant_id).join(Depositor, Depositor.id == Box.depositor_id)
    return list(await session.scalars(joined))


async def _select_outer_join(session: TenantSession) -> list[int]:
    other = aliased(Depositor)
    joined = select(other.tenant_id).select_from(Box).outerjoin(other, other.id == Box.depositor_id)
    return list(await session.scalars(joined))


async def _refresh(session: TenantSession) -> list[int]:
    box = (await session.scalars(select(Box))).one()
    await session.refresh(box)
    session.expire(box)
    await session.refresh(box, ["content"])
    return [box.tenant_id if "tenant_id" in box.__dict__ else int(box.content.removeprefix("of "))]


async def _get(session: TenantSession) -> list[int]:
    (key,) = await session.scalars(select(Box.id))
    session.expunge_all()
    box = await session.get(Box, key)
    return [] if box is None else [box.tenant_id]


async def _update(session: TenantSession) -> list[int]:
    return list(await session.scalars(update(Box).values(content=Box.content).returning(Box.tenant_id)))


async def _flush(session: TenantSession) -> list[int]:
    box = (await session.scalars(select(Box))).one()
    box.content += "!"
    await session.flush()
    return [box.tenant_id]


@pytest.mark.parametrize(
    "path",
    [_select, _select_alias, _select_join, _select_outer_join, _refresh, _get, _update, _flush],
    ids=lambda path: path.__name__.strip("_"),
)
async def test_a_large_number_is_bound_after_a_small_one(numbered: Database, path: object) -> None:
    assert callable(path)
    for tenant in (SMALL, LARGE, SMALL):
        async with numbered.tenant(tenant) as session:
            assert await path(session) == [tenant]
