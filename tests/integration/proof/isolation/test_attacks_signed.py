"""Where a service signs the tenant, SQL in its own session cannot bind another one; without, that is a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import attack_fixture
import pytest
import signed_schema

from tenantry import Address
from tenantry.deployment import Deployment
from tenantry.proof.isolation.database import AttackedDatabase, open_attacked
from tenantry.proof.isolation.run import run_one
from tenantry.proof.isolation.session import BROKEN
from tenantry.proof.isolation.verdict import Outcome
from tenantry.sql import literal
from tenantry.tenancy.policy import TENANT_POLICY
from tenantry.tenancy.signed_context.signer import Signer

BINDINGS = ("rebind", "rebind_inside", "rebind_session", "rebind_write", "forge")
BARE = "tenant_id = current_setting('app.current_tenant_id', true)"
UNSIGNED = f"ALTER POLICY {TENANT_POLICY} ON boxes USING ({BARE}) WITH CHECK ({BARE})"
READABLE = (
    "GRANT SELECT ON tenant_context_keys TO signed_schema_app; "
    "ALTER TABLE tenant_context_keys DISABLE ROW LEVEL SECURITY"
)


@pytest.fixture(params=["text", "uuid", "bigint"])
async def signed(
    request: pytest.FixtureRequest, empty_database: Address, tmp_path: Path
) -> AsyncIterator[AttackedDatabase]:
    schema = signed_schema.SIGNED_SCHEMAS[request.param]
    await schema.build(empty_database)
    async with open_attacked(
        Deployment(signed_schema.service_of(schema, tmp_path), signed_schema.settings_for(empty_database))
    ) as attacked:
        yield attacked


@pytest.fixture
async def unsigned(empty_database: Address, tmp_path: Path) -> AsyncIterator[AttackedDatabase]:
    await signed_schema.UNSIGNED.build(empty_database, None)
    async with open_attacked(
        Deployment(
            signed_schema.service_of(signed_schema.UNSIGNED, tmp_path), signed_schema.settings_for(empty_database)
        )
    ) as attacked:
        yield attacked


async def test_a_signed_tenant_cannot_be_bound_by_who_has_no_key(signed: AttackedDatabase) -> None:
    for name in (*BINDINGS, "signing_keys", "replay_binding", "prepared_statement", "select_all"):
        results = await run_one(signed, name)
        assert [one for one in results if one.outcome not in {Outcome.BLOCKED, Outcome.SKIPPED}] == []
        assert [one for one in results if one.detail.startswith(BROKEN)] == []
        assert Outcome.BLOCKED in {one.outcome for one in results}


@pytest.mark.parametrize("name", ["rebind", "rebind_inside", "rebind_write", "forge", "replay_binding"])
async def test_without_a_signature_that_is_a_limit(unsigned: AttackedDatabase, name: str) -> None:
    found = {one.outcome for one in await run_one(unsigned, name)}
    assert Outcome.LIMIT in found
    assert Outcome.BREACH not in found


@pytest.mark.parametrize("signed", ["text"], indirect=True)
@pytest.mark.parametrize("name", ["rebind", "rebind_inside", "rebind_write"])
async def test_a_policy_that_forgets_the_signature_is_a_breach(
    signed: AttackedDatabase, empty_database: Address, name: str
) -> None:
    await attack_fixture.execute(empty_database, UNSIGNED)
    assert "public.boxes" in {one.object for one in await run_one(signed, name) if one.outcome is Outcome.BREACH}


@pytest.mark.parametrize("signed", ["text"], indirect=True)
async def test_a_check_that_looks_at_the_tenant_alone_is_a_breach(
    signed: AttackedDatabase, empty_database: Address
) -> None:
    """An accessor that reads the tenant's name and verifies nothing takes a forgery."""
    careless = "split_part(current_setting('app.current_tenant_id', true), '|', 1)"
    await attack_fixture.execute(
        empty_database, f"ALTER POLICY {TENANT_POLICY} ON boxes USING (tenant_id = {careless})"
    )
    assert "public.boxes" in {one.object for one in await run_one(signed, "forge") if one.outcome is Outcome.BREACH}


@pytest.mark.parametrize("signed", ["text"], indirect=True)
async def test_keys_that_can_be_read_are_a_breach(signed: AttackedDatabase, empty_database: Address) -> None:
    await attack_fixture.execute(empty_database, READABLE)
    (found,) = await run_one(signed, "signing_keys")
    assert (found.outcome, found.object) == (Outcome.BREACH, "table public.tenant_context_keys")


PREPARED = "PREPARE bind(text) AS SELECT set_config({setting}, $1, true); EXECUTE bind({value}); DEALLOCATE bind"


@pytest.mark.parametrize("signed", ["text"], indirect=True)
@pytest.mark.parametrize("form", ["SET LOCAL app.current_tenant_id = {value}", PREPARED])
async def test_a_signed_value_that_others_can_see_is_a_breach(
    signed: AttackedDatabase, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def shown(signer: Signer, setting: str, tenant: str) -> str:
        return form.format(setting=literal(setting), value=literal(signer.value(tenant)).lstrip())

    monkeypatch.setattr(Signer, "statement", shown)
    (found,) = await run_one(signed, "replay_binding")
    assert (found.outcome, found.object) == (Outcome.BREACH, "pg_stat_activity")
