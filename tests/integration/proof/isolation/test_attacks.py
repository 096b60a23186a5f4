"""The attacks in SQL on our own services: nothing gets through, and none of them is broken."""

from __future__ import annotations

import pytest

from tenantry.proof.isolation import attacks
from tenantry.proof.isolation.attack import SERVICE_ATTACKS, TABLE_ATTACKS
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.run import run_attacks
from tenantry.proof.isolation.session import BROKEN
from tenantry.proof.isolation.verdict import AttackResult, Outcome


@pytest.fixture
def sql_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the attacks on the toolkit itself, which have tests of their own."""
    for name, attack in list(SERVICE_ATTACKS.items()):
        if not attack.run.__module__.startswith(attacks.__name__):
            monkeypatch.delitem(SERVICE_ATTACKS, name)


@pytest.mark.usefixtures("sql_only")
async def test_no_attack_on_a_service_gets_through(attacked_service: AttackedDatabase) -> None:
    """Every attack is tried on every tenant table in all its bindings, and a skipped one has its reason."""
    steps: list[tuple[int, int]] = []
    results = await run_attacks(attacked_service, lambda done, total: steps.append((done, total)))
    _check_holds(results)
    assert [one for one in results if one.outcome in {Outcome.SKIPPED, Outcome.LIMIT} and not one.detail] == []
    assert {one.attack for one in results} >= {*TABLE_ATTACKS, *SERVICE_ATTACKS}
    total = len(TABLE_ATTACKS) * max(1, len(attacked_service.tables)) + len(SERVICE_ATTACKS)
    assert steps == [(done, total) for done in range(1, total + 1)]


@pytest.mark.usefixtures("sql_only")
async def test_a_result_of_a_table_names_it_and_its_binding(attacked: AttackedDatabase) -> None:
    results = await run_attacks(attacked)
    bindings = {binding.name for binding in attacked.bindings}
    found = {(one.object, one.binding) for one in results if one.attack == "select_all"}
    assert found == {(f"{one.schema}.{one.name}", binding) for one in attacked.tables for binding in bindings}
    assert {one.binding for one in results if one.attack == "truncate"} == {"own"}


@pytest.mark.usefixtures("sql_only")
async def test_other_schemas_hold_too(attacked_full_schema: AttackedDatabase) -> None:
    """Tables in partitions, a declared function that is no lookup, privileges that differ from table to table."""
    _check_holds(await run_attacks(attacked_full_schema))


@pytest.mark.usefixtures("sql_only")
async def test_schemas_that_are_hard_to_write_to_hold_too(attacked_zoo: AttackedDatabase) -> None:
    """Identities that nobody may write, domains, short columns, NULLs, references in a circle, exclusions."""
    _check_holds(await run_attacks(attacked_zoo))


async def test_names_that_must_be_quoted_hold_too(attacked_odd: AttackedDatabase) -> None:
    """Quotes within names, reserved words, tables of one column; the attacks on the toolkit too."""
    _check_holds(await run_attacks(attacked_odd))


def _check_holds(results: list[AttackResult]) -> None:
    assert [one for one in results if one.outcome is Outcome.BREACH] == []
    assert [one for one in results if one.detail.startswith(BROKEN)] == []
