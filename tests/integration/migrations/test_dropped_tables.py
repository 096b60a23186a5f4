"""Tables that the models leave go in an order that the server accepts, and come back as they were."""

from __future__ import annotations

import dataclasses

import pytest
from named_project import NAMES
from shop_project import Project
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tenantry import Global, TenantBase
from tenantry.migrations import migrate, rollback


@pytest.fixture(params=["plain", "partitions", "both in partitions", "partitions in a second schema"])
def module_text(request: pytest.FixtureRequest) -> str:
    return NAMES[request.param].module


async def test_the_downgrade_of_a_new_table_drops_no_partition_by_itself(shop: Project) -> None:
    """Its partitions go with it: the reference of another table would prevent a drop before."""
    text = (await shop.autogenerate("first")).read_text()
    assert ("op.create_hash_partitions" in text) == bool(shop.module.Parent.__partitions__)
    assert "op.drop_hash_partitions" not in text


async def test_tables_that_the_models_leave_come_back_as_they_were(shop: Project) -> None:
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    before = await shop.dump()

    class Base(TenantBase, DeclarativeBase): ...

    class Plain(Global, Base):
        __tablename__ = "plains"
        id: Mapped[int] = mapped_column(primary_key=True)

    shop.module.service = dataclasses.replace(shop.service, metadata=Base.metadata)  # type: ignore[attr-defined]
    text = (await shop.autogenerate("leave")).read_text()
    await migrate(shop.deployment)
    assert await shop.differences() == []
    assert await shop.sql("SELECT count(*) FROM pg_partitioned_table") == 0
    await rollback(shop.deployment)
    assert await shop.dump() == before, text
