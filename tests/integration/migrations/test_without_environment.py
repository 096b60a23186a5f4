"""A service without `alembic.ini`, `env.py` and a template has all commands: the package's own environment runs."""

from __future__ import annotations

import shutil

from shop_project import Project

from tenantry.migrations import current_revision, head_revision, migrate, rollback
from tenantry.migrations.revisions import list_revisions
from tenantry.migrations.script import schema_script
from tenantry.migrations.writing import make_revision


async def test_a_folder_of_revisions_is_enough(shop: Project) -> None:
    """Revision, upgrade, check, history, script and downgrade work, and nothing but revisions is written."""
    (shop.folder / "alembic.ini").unlink()
    shutil.rmtree(shop.folder / "migrations")
    deployment = shop.deployment
    assert head_revision(shop.service) is None
    path = (await make_revision(deployment, "first")).path
    assert path is not None
    assert path.name.endswith("_first.py")
    await migrate(deployment)
    assert await shop.differences() == []
    (revision,) = await list_revisions(deployment)
    assert (revision.is_current, revision.is_head, revision.message) == (True, True, "first")
    assert "CREATE POLICY" in schema_script(shop.service)
    assert (await make_revision(deployment, "nothing")).path is None
    await rollback(deployment, "base")
    assert await current_revision(deployment) is None
    assert {one.name for one in (shop.folder / "migrations").iterdir()} == {"versions"}
