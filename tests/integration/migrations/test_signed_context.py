"""Switching a service to signed tenants is an ordinary revision: written by autogenerate, and reversible."""

from __future__ import annotations

import importlib

import asyncpg
import pytest
from shop_project import Project

from tenantry import DatabaseSettings
from tenantry.deployment import Deployment
from tenantry.migrations import migrate, rollback
from tenantry.secrets import SigningRing
from tenantry.sql import identifier
from tenantry.tenancy.signed_context.signer import Signer

BASE = "class Base(TenantBase, DeclarativeBase):\n    pass\n"
SIGNED = (
    "from tenantry import Tenancy\n\n\n"
    "class Base(TenantBase, DeclarativeBase):\n    tenancy = Tenancy(signed_context=True)\n"
)
RING = SigningRing.generate()


def sign(shop: Project) -> None:
    """Change the project's models as a developer does."""
    path = shop.folder / f"{shop.module.__name__}.py"
    text = path.read_text()
    assert BASE in text
    path.write_text(text.replace(BASE, SIGNED))
    importlib.invalidate_caches()
    # The file may be rewritten within the second that the cached bytecode was made in.
    exec(compile(path.read_text(), str(path), "exec"), vars(shop.module))  # noqa: S102  # ours


def settings_of(shop: Project) -> DatabaseSettings:
    settings: DatabaseSettings = shop.module.Settings(database_url=shop.address.url, context_keys=RING.text)
    return settings


async def titles(shop: Project, value: str) -> list[str]:
    role = identifier(shop.module.ROLES.application)
    connection = await asyncpg.connect(
        host=shop.address.hosts[0].name,
        port=shop.address.hosts[0].port,
        user=shop.address.user,
        database=shop.address.database,
    )
    try:
        await connection.execute(f"SET ROLE {role}")
        await connection.execute("SELECT set_config('app.current_tenant_id', $1, false)", value)
        return [row["title"] for row in await connection.fetch("SELECT title FROM books ORDER BY title")]
    finally:
        await connection.close()


async def test_the_switch_is_a_revision_there_and_back(migrated_shop: Project) -> None:
    shop = migrated_shop
    await shop.sql("INSERT INTO books (tenant_id, title) VALUES ('acme', 'A'), ('globex', 'G')", "SELECT 1")
    before, before_dump = await shop.objects(), await shop.dump()
    sign(shop)
    kinds = {kind for kind, _ in await shop.differences()}
    assert {"add_table", "create_function", "drop_policy", "create_policy"} <= kinds
    revision = await shop.autogenerate("sign")
    assert "tenant_context_keys" in revision.read_text()
    await migrate(Deployment(shop.service, settings_of(shop)))
    assert await shop.differences() == []
    after = await shop.objects()
    assert shop.service.declared_objects() <= after
    # The keys of the settings came with the migration.
    assert await titles(shop, Signer(RING).value("acme")) == ["A"]
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await titles(shop, "acme")
    await rollback(Deployment(shop.service, settings_of(shop)))
    assert (await shop.objects(), await shop.dump()) == (before, before_dump)
    assert await titles(shop, "acme") == ["A"]
    await migrate(Deployment(shop.service, settings_of(shop)))
    assert await shop.objects() == after
    assert await titles(shop, Signer(RING).value("globex")) == ["G"]


async def test_alembic_s_own_command_brings_the_keys(migrated_shop: Project) -> None:
    """`alembic upgrade head` as well; where no key is configured the schema is migrated, and the start tells."""
    shop = migrated_shop
    sign(shop)
    await shop.autogenerate("sign")
    await shop.alembic("upgrade", "head", told="Running upgrade")
    assert await shop.sql("SELECT count(*) FROM tenant_context_keys") == 0
    await shop.alembic("upgrade", "head", SHOP_CONTEXT_KEYS=RING.text.get_secret_value())
    assert await shop.sql("SELECT string_agg(id, ',') FROM tenant_context_keys") == RING.current
