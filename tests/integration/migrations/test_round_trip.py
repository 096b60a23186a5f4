"""Up, down and up again leaves the same catalog, for every operation there is."""

from __future__ import annotations

from shop_project import Project

from tenantry.migrations import current_revision, head_revision, migrate, rollback


async def test_up_down_up_leaves_the_same_catalog(migrated_shop: Project) -> None:
    """What autogenerate wrote creates everything declared; its downgrade removes all of it."""
    shop = migrated_shop
    deployment = shop.deployment
    declared = deployment.service.declared_objects()
    first, first_dump = await shop.objects(), await shop.dump()
    assert declared <= first
    await rollback(deployment, "base")
    assert await current_revision(deployment) is None
    left = {item.identity for item in await shop.objects()} & {item.identity for item in declared}
    assert left == set()
    await migrate(deployment)
    assert await current_revision(deployment) == head_revision(deployment.service)
    assert (await shop.objects(), await shop.dump()) == (first, first_dump)
