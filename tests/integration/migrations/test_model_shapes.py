"""Models in the shapes that people write: migrated, compared, audited, used by two tenants, and taken back."""

from __future__ import annotations

import full_schema
import model_shapes
import pytest
from shop_project import Project

from tenantry.migrations import migrate, rollback
from tenantry.proof.audit import audit


@pytest.fixture(params=model_shapes.SHAPES)
def module_text(request: pytest.FixtureRequest) -> str:
    return model_shapes.module_of(model_shapes.SHAPES[request.param])


async def findings(project: Project) -> list[str]:
    """Return what the audit finds, but for the server's own age."""
    service = project.service
    async with full_schema.session(project.address, role=service.roles.owner) as connection:
        found = await audit(connection, service)
    return [f"{one.code} {one.object}: {one.message}" for one in found if not one.object.startswith("server")]


async def test_a_shape_is_migrated_and_used(shop: Project) -> None:
    """Declarations, autogenerate and audit agree, and what the models promise works; SQLAlchemy warns of nothing."""
    await shop.autogenerate("first")
    await migrate(shop.deployment)
    assert await shop.differences() == []
    assert await findings(shop) == []
    async with shop.deployment.database() as database:
        await shop.module.use(database)
    await rollback(shop.deployment, "base")
    left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname !~ '^alembic'"
    assert await shop.sql(left) == 0
