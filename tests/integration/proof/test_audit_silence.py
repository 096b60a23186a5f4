"""Where nothing is wrong the audit says nothing: a false alarm teaches people not to look."""

from __future__ import annotations

from pathlib import Path

import full_schema
import pytest
import valid_services
from sqlalchemy.ext.asyncio import AsyncConnection
from valid_services import VARIATIONS, Variation

from tenantry import Address, Service
from tenantry.proof.audit import RULES, audit
from tenantry.testing.scratch import ScratchDatabase

SERVICES = [
    pytest.param(name, marks=pytest.mark.tenantry(service=name))
    for name in ("ai_agents", "plc_coach", "accounts", "items")
]


async def _said(connection: AsyncConnection, service: Service) -> list[str]:
    """Return what was found besides what depends on the server alone."""
    return [str(one) for one in await audit(connection, service) if one.code != RULES["server_outdated"].code]


@pytest.mark.parametrize("name", SERVICES)
async def test_a_migrated_service_is_clean(
    name: str, request: pytest.FixtureRequest, full_schema_extension: str
) -> None:
    """By its own migrations, without a word: no info either."""
    if name == "plc_coach" and full_schema_extension != "vector":
        pytest.skip("needs the extension vector, which this server does not have")
    clone: ScratchDatabase = request.getfixturevalue("tenantry_clone")
    async with full_schema.session(clone.superuser, role=clone.service.roles.owner) as connection:
        assert await _said(connection, clone.service) == []


@pytest.mark.parametrize("variation", VARIATIONS, ids=str)
async def test_what_is_right_in_another_way_is_clean(
    variation: Variation, empty_database: Address, tmp_path: Path, full_schema_extension: str
) -> None:
    service = await valid_services.build(empty_database, variation, tmp_path / "migrations", full_schema_extension)
    try:
        async with full_schema.session(empty_database, role=service.roles.owner) as connection:
            assert await _said(connection, service) == []
    finally:
        await full_schema.drop_roles(empty_database, service)


def test_the_variations_are_many() -> None:
    assert len({variation.name for variation in VARIATIONS}) == len(VARIATIONS) >= 10
