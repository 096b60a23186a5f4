"""The attacks on the toolkit at work get nothing, and leave nothing behind."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import signed_schema
from sqlalchemy.exc import DBAPIError

from tenantry import Address
from tenantry.deployment import Deployment
from tenantry.proof.isolation import runtime
from tenantry.proof.isolation.attack import SERVICE_ATTACKS
from tenantry.proof.isolation.database import AttackedDatabase, open_attacked
from tenantry.proof.isolation.runtime.load import LEAST_CHECKS
from tenantry.proof.isolation.runtime.mapped import mapped_tables
from tenantry.proof.isolation.runtime.orm_write import _check_writes_nothing
from tenantry.proof.isolation.runtime.registration import FAMILY
from tenantry.proof.isolation.runtime.toolkit import open_toolkit
from tenantry.proof.isolation.verdict import AttackResult, Outcome
from tenantry.tenancy.unit_of_work import TenantSession

# What works by design, and is told as such in the documentation.
LIMITS = {"pool_kept_driver_connection", "reader_made_writable"}

# Why a healthy service may leave an attack out.
REASONS = re.compile(
    "the service has no tenant tables|the class has no relationship|the table has no encrypted column|"
    "the application may not (insert|update)|the row of a tenant needs its tenant|a second row could not be made up"
)


async def attack(attacked: AttackedDatabase, *names: str) -> list[AttackResult]:
    """Run the named attacks of the family, or all."""
    assert runtime.__all__
    chosen = [one for one in SERVICE_ATTACKS.values() if one.family == FAMILY and (not names or one.name in names)]
    assert len(chosen) >= max(len(names), 1)
    return [one for attack in chosen async for one in attack.run(attacked)]


def check(results: list[AttackResult]) -> None:
    for one in results:
        assert one.outcome is not Outcome.BREACH, f"{one.attack} on {one.object}: {one.detail}"
        assert one.outcome is not Outcome.SKIPPED or REASONS.match(one.detail), f"{one.attack}: {one.detail}"
    assert {one.attack for one in results if one.outcome is Outcome.LIMIT} <= LIMITS


async def test_nothing_is_got_from_the_bookshop(attacked: AttackedDatabase) -> None:
    results = await attack(attacked)
    check(results)
    skipped = {one.attack for one in results if one.outcome is Outcome.SKIPPED}
    assert skipped <= {one.attack for one in results if one.outcome is Outcome.BLOCKED}
    assert await attacked.find_changes() == ()


async def test_nothing_is_got_from_the_services(attacked_service: AttackedDatabase) -> None:
    results = await attack(attacked_service)
    check(results)
    assert await attacked_service.find_changes() == ()
    if not attacked_service.tables:
        assert all(one.outcome is Outcome.SKIPPED for one in results)


@pytest.fixture(params=["text", "uuid", "bigint"])
async def attacked_signed(
    request: pytest.FixtureRequest, empty_database: Address, tmp_path: Path
) -> AsyncIterator[AttackedDatabase]:
    """A service that signs its tenants."""
    schema = signed_schema.SIGNED_SCHEMAS[request.param]
    await schema.build(empty_database)
    async with open_attacked(
        Deployment(signed_schema.service_of(schema, tmp_path), signed_schema.settings_for(empty_database))
    ) as attacked:
        yield attacked


async def test_nothing_is_got_where_tenants_are_signed(attacked_signed: AttackedDatabase) -> None:
    check(await attack(attacked_signed))
    assert await attacked_signed.find_changes() == ()


async def test_nothing_is_got_where_tenants_are_numbers(attacked_zoo: AttackedDatabase) -> None:
    check(await attack(attacked_zoo))
    assert await attacked_zoo.find_changes() == ()


async def test_the_attack_under_load_makes_its_checks(attacked: AttackedDatabase) -> None:
    """As many as the proof promises; only a machine that is very busy may stop short of it."""
    (told,) = await attack(attacked, "interleaved_tasks")
    assert told.outcome is Outcome.BLOCKED
    checks = int(told.detail.split()[0])
    assert checks >= LEAST_CHECKS or float(told.detail.split(" in ")[1].split()[0]) >= 8


@pytest.mark.parametrize("name", ["orm_get", "pool_after_commit"])
async def test_an_attack_tells_each_object(attacked: AttackedDatabase, name: str) -> None:
    results = await attack(attacked, name)
    expected = {"pool"} if name == "pool_after_commit" else {f"public.{target.name}" for target in attacked.tables}
    assert {one.object for one in results} == expected


async def test_a_write_that_fails_for_no_refusal_is_not_taken_for_one(attacked: AttackedDatabase) -> None:
    async def stumble(session: TenantSession, _entity: object) -> None:
        await (await session.connection()).exec_driver_sql("SELECT 1/0")

    async with open_toolkit(attacked) as toolkit:
        with pytest.raises(DBAPIError):
            await _check_writes_nothing(toolkit, mapped_tables(attacked)[0], stumble, "a test")
