"""Each attack on the toolkit can fail: with a hook taken out of the toolkit's own code, it is a breach."""

from __future__ import annotations

import pytest
from runtime_sabotage import SABOTAGES, Sabotage, no_policies, no_predicates

from tenantry import Address
from tenantry.proof.isolation import runtime
from tenantry.proof.isolation.attack import SERVICE_ATTACKS
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.runtime.registration import FAMILY
from tenantry.proof.isolation.verdict import Outcome

# They read and write typed statements only, which the predicate answers for as well as the policy.
TYPED = ("core_select", "orm_select", "orm_get", "orm_refresh", "orm_stream", "orm_flush_of_victims", "orm_merge")


async def outcomes(attacked: AttackedDatabase, name: str) -> list[tuple[Outcome, str]]:
    assert runtime.__all__
    return [(one.outcome, one.detail) async for one in SERVICE_ATTACKS[name].run(attacked)]


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
async def test_the_sabotage_is_noticed(attacked: AttackedDatabase, shop_address: Address, sabotage: Sabotage) -> None:
    async with sabotage.apply(shop_address):
        for name in sabotage.attacks:
            seen = await outcomes(attacked, name)
            assert Outcome.BREACH in {outcome for outcome, _ in seen}, f"{name} did not notice: {seen}"


async def test_every_attack_has_a_sabotage_that_it_notices() -> None:
    noticing = {name for sabotage in SABOTAGES for name in sabotage.attacks}
    assert noticing == {one.name for one in SERVICE_ATTACKS.values() if one.family == FAMILY}
    assert len(SABOTAGES) >= 12
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)


@pytest.mark.parametrize("line", ["predicates", "policies"])
async def test_either_line_alone_holds_typed_statements(
    attacked: AttackedDatabase, shop_address: Address, line: str
) -> None:
    """Defence in depth: a forgotten policy or a forgotten predicate is not yet a leak."""
    names = TYPED
    if line == "predicates":
        with no_predicates():
            seen = {name: await outcomes(attacked, name) for name in names}
    else:
        async with no_policies(shop_address):
            seen = {name: await outcomes(attacked, name) for name in names}
    for name in names:
        assert Outcome.BREACH not in {outcome for outcome, _ in seen[name]}, f"{name}: {seen[name]}"
