"""The attacks in SQL on our own services: nothing gets through, and none of them is broken."""

from __future__ import annotations

import pytest

from tenantry.proof.isolation import attacks
from tenantry.proof.isolation.attack import SERVICE_ATTACKS, TABLE_ATTACKS
from tenantry.proof.isolation.bout import BROKEN
from tenantry.proof.isolation.ground import Ground
from tenantry.proof.isolation.harness import run_attacks
from tenantry.proof.isolation.verdict import Outcome, Try


@pytest.fixture
def sql_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the attacks on the toolkit itself, which have tests of their own."""
    for name, attack in list(SERVICE_ATTACKS.items()):
        if not attack.run.__module__.startswith(attacks.__name__):
            monkeypatch.delitem(SERVICE_ATTACKS, name)


@pytest.mark.usefixtures("sql_only")
async def test_no_attack_on_a_service_gets_through(service_ground: Ground) -> None:
    """Every attack is tried on every tenant table in all its stances, and none lacks its reason where it is skipped."""
    steps: list[tuple[int, int]] = []
    tries = await run_attacks(service_ground, lambda done, total: steps.append((done, total)))
    _check_holds(tries)
    assert [one for one in tries if one.outcome in {Outcome.SKIPPED, Outcome.LIMIT} and not one.detail] == []
    assert {one.attack for one in tries} >= {*TABLE_ATTACKS, *SERVICE_ATTACKS}
    total = len(TABLE_ATTACKS) * max(1, len(service_ground.targets)) + len(SERVICE_ATTACKS)
    assert steps == [(done, total) for done in range(1, total + 1)]


@pytest.mark.usefixtures("sql_only")
async def test_a_try_on_a_table_names_it_and_its_stance(ground: Ground) -> None:
    tries = await run_attacks(ground)
    stances = {stance.name for stance in ground.stances}
    found = {(one.object, one.stance) for one in tries if one.attack == "select_all"}
    assert found == {(f"{one.schema}.{one.name}", stance) for one in ground.targets for stance in stances}
    assert {one.stance for one in tries if one.attack == "truncate"} == {"own"}


@pytest.mark.usefixtures("sql_only")
async def test_other_schemas_hold_too(harbour_ground: Ground) -> None:
    """Tables in partitions, a declared function that is no lookup, privileges that differ from table to table."""
    _check_holds(await run_attacks(harbour_ground))


@pytest.mark.usefixtures("sql_only")
async def test_schemas_that_are_hard_to_write_to_hold_too(zoo_ground: Ground) -> None:
    """Identities that nobody may write, domains, short columns, NULLs, references in a circle, exclusions."""
    _check_holds(await run_attacks(zoo_ground))


async def test_names_that_must_be_quoted_hold_too(odd_ground: Ground) -> None:
    """Quotes within names, reserved words, tables of one column; the attacks on the toolkit too."""
    _check_holds(await run_attacks(odd_ground))


def _check_holds(tries: list[Try]) -> None:
    assert [one for one in tries if one.outcome is Outcome.BREACH] == []
    assert [one for one in tries if one.detail.startswith(BROKEN)] == []
