"""The attacks on the toolkit at work get nothing, and leave nothing behind."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import vault
from sqlalchemy.exc import DBAPIError

from tenantry import Address
from tenantry.proof.isolation import runtime
from tenantry.proof.isolation.attack import SERVICE_ATTACKS
from tenantry.proof.isolation.ground import Ground, open_ground
from tenantry.proof.isolation.runtime.arena import open_arena
from tenantry.proof.isolation.runtime.hammer import LEAST_CHECKS
from tenantry.proof.isolation.runtime.mapped import mapped_targets
from tenantry.proof.isolation.runtime.orm_write import _check_writes_nothing
from tenantry.proof.isolation.runtime.trial import FAMILY
from tenantry.proof.isolation.verdict import Outcome, Try
from tenantry.tenancy.session import TenantSession

# What works by design, and is told as such in the documentation.
LIMITS = {"pool_kept_driver_connection", "reader_made_writable"}

# Why a healthy service may leave an attack out.
REASONS = re.compile(
    "the service has no tenant tables|the class has no relationship|the table has no sealed column|"
    "the application may not (insert|update)|the tenant names itself|a second row could not be guessed"
)


async def attack(ground: Ground, *names: str) -> list[Try]:
    """Run the named attacks of the family, or all."""
    assert runtime.__all__
    chosen = [one for one in SERVICE_ATTACKS.values() if one.family == FAMILY and (not names or one.name in names)]
    assert len(chosen) >= max(len(names), 1)
    return [one for attack in chosen async for one in attack.run(ground)]


def check(tries: list[Try]) -> None:
    for one in tries:
        assert one.outcome is not Outcome.BREACH, f"{one.attack} on {one.object}: {one.detail}"
        assert one.outcome is not Outcome.SKIPPED or REASONS.match(one.detail), f"{one.attack}: {one.detail}"
    assert {one.attack for one in tries if one.outcome is Outcome.LIMIT} <= LIMITS


async def test_nothing_is_got_from_the_bookshop(ground: Ground) -> None:
    tries = await attack(ground)
    check(tries)
    skipped = {one.attack for one in tries if one.outcome is Outcome.SKIPPED}
    assert skipped <= {one.attack for one in tries if one.outcome is Outcome.BLOCKED}
    assert await ground.expect_untouched() == ()


async def test_nothing_is_got_from_the_services(service_ground: Ground) -> None:
    tries = await attack(service_ground)
    check(tries)
    assert await service_ground.expect_untouched() == ()
    if not service_ground.targets:
        assert all(one.outcome is Outcome.SKIPPED for one in tries)


@pytest.fixture(params=["text", "uuid", "bigint"])
async def signed_ground(
    request: pytest.FixtureRequest, empty_database: Address, tmp_path: Path
) -> AsyncIterator[Ground]:
    """A service that signs its tenants."""
    schema = vault.VAULTS[request.param]
    await schema.build(empty_database)
    async with open_ground(vault.service_of(schema, tmp_path), vault.settings_for(empty_database)) as ground:
        yield ground


async def test_nothing_is_got_where_tenants_are_signed(signed_ground: Ground) -> None:
    check(await attack(signed_ground))
    assert await signed_ground.expect_untouched() == ()


async def test_nothing_is_got_from_the_menagerie(zoo_ground: Ground) -> None:
    check(await attack(zoo_ground))
    assert await zoo_ground.expect_untouched() == ()


async def test_the_hammer_makes_its_checks(ground: Ground) -> None:
    """As many as the proof promises; only a machine that is very busy may stop short of it."""
    (told,) = await attack(ground, "interleaved_tasks")
    assert told.outcome is Outcome.BLOCKED
    checks = int(told.detail.split()[0])
    assert checks >= LEAST_CHECKS or float(told.detail.split(" in ")[1].split()[0]) >= 8


@pytest.mark.parametrize("name", ["orm_get", "pool_after_commit"])
async def test_an_attack_tells_each_object(ground: Ground, name: str) -> None:
    tries = await attack(ground, name)
    expected = {"pool"} if name == "pool_after_commit" else {f"public.{target.name}" for target in ground.targets}
    assert {one.object for one in tries} == expected


async def test_a_write_that_fails_for_no_refusal_is_not_taken_for_one(ground: Ground) -> None:
    async def stumble(session: TenantSession, _entity: object) -> None:
        await (await session.connection()).exec_driver_sql("SELECT 1/0")

    async with open_arena(ground) as arena:
        with pytest.raises(DBAPIError):
            await _check_writes_nothing(arena, mapped_targets(ground)[0], stumble, "a test")
