"""The two secrets of a tenant are encrypted where they are stored, and open in their own place only."""

from __future__ import annotations

import asyncpg
import pytest
from servicedesk import KEYS, SECRETS, settings_for, tenant_row
from sqlalchemy import select
from sqlalchemy.orm import undefer

from ai_agents.models import TenantConfig
from ai_agents.service import service
from tenantry import Address, Database, KeyRing, errors
from tenantry.deployment import Deployment

WITH_SECRETS = (undefer(TenantConfig.servicedesk_api_key), undefer(TenantConfig.webhook_signing_secret))


@pytest.fixture(autouse=True)
async def _two_tenants(database: Database) -> None:
    for tenant in ("acme", "globex"):
        async with database.tenant(tenant) as session:
            session.add(tenant_row(tenant))


async def load(database: Database, tenant: str) -> TenantConfig:
    async with database.tenant(tenant, read_only=True) as session:
        row: TenantConfig = (await session.scalars(select(TenantConfig).options(*WITH_SECRETS))).one()
        return row


async def test_nothing_readable_is_stored(superuser: asyncpg.Connection) -> None:
    """Not even the superuser reads a secret; equal secrets have different ciphertexts."""
    rows = await superuser.fetch("SELECT to_json(t)::text AS stored FROM tenant_configs AS t")
    for row in rows:
        assert not [secret for secret in SECRETS.values() if secret in row["stored"]]
    sealed = await superuser.fetch(
        "SELECT servicedesk_api_key_encrypted, webhook_signing_secret_encrypted FROM tenant_configs"
    )
    texts = [text for row in sealed for text in row]
    assert len(set(texts)) == 4
    assert all(text.startswith(f"v1.{KEYS.current}.") for text in texts)


@pytest.mark.parametrize(
    "move",
    [
        "webhook_signing_secret_encrypted = t.servicedesk_api_key_encrypted",
        "webhook_signing_secret_encrypted = o.webhook_signing_secret_encrypted",
        "webhook_signing_secret_encrypted = left(t.webhook_signing_secret_encrypted, -8)",
    ],
    ids=["another column", "another tenant", "damaged"],
)
async def test_a_ciphertext_that_was_moved_does_not_open(
    database: Database, superuser: asyncpg.Connection, move: str
) -> None:
    assert (await load(database, "acme")).webhook_signing_secret == SECRETS["webhook_signing_secret"]
    await superuser.execute(
        f"UPDATE tenant_configs AS t SET {move} FROM tenant_configs AS o WHERE o.tenant_id <> t.tenant_id"
    )
    with pytest.raises(errors.DecryptionFailed):
        await load(database, "acme")


async def test_an_old_key_opens_and_the_new_one_seals(address: Address, superuser: asyncpg.Connection) -> None:
    async with Deployment(service, settings_for(address, encryption_keys=KEYS.rotate("k2").text)).database() as rotated:
        assert (await load(rotated, "acme")).servicedesk_api_key == SECRETS["servicedesk_api_key"]
        async with rotated.tenant("acme") as session:
            row = (await session.scalars(select(TenantConfig))).one()
            row.servicedesk_api_key = "sealed anew"
        assert (await load(rotated, "acme")).servicedesk_api_key == "sealed anew"
    query = "SELECT servicedesk_api_key_encrypted FROM tenant_configs WHERE tenant_id = 'acme'"
    assert (await superuser.fetchval(query)).startswith("v1.k2.")


async def test_without_the_key_nothing_opens(address: Address) -> None:
    async with Deployment(
        service, settings_for(address, encryption_keys=KeyRing.generate("other").text)
    ).database() as lost:
        with pytest.raises(errors.DecryptionFailed):
            await load(lost, "acme")


async def test_a_secret_is_loaded_only_when_asked_for(database: Database) -> None:
    """A query that does not name it brings no ciphertext, and opens nothing."""
    async with database.tenant("acme", read_only=True) as session:
        row = (await session.scalars(select(TenantConfig))).one()
        assert not {"servicedesk_api_key", "webhook_signing_secret"} & set(vars(row))
        assert not [secret for secret in SECRETS.values() if secret in repr(row)]
