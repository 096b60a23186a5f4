"""Every attack gets through where what holds it is taken away: an attack that cannot succeed proves nothing.

A sabotage is made in a copy of a filled database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import attack_fixture
import attack_schema
import full_schema
import pytest
from attack_sabotage import SABOTAGES, Sabotage

from tenantry import Address
from tenantry.proof.isolation import attacks
from tenantry.proof.isolation.attack import LASTING_CHANGE, SERVICE_ATTACKS, TABLE_ATTACKS, all_attacks, service_attack
from tenantry.proof.isolation.attacker_facts import database_facts
from tenantry.proof.isolation.binding import Binding
from tenantry.proof.isolation.database import AttackedDatabase
from tenantry.proof.isolation.run import run_attacks, run_one
from tenantry.proof.isolation.session import BROKEN
from tenantry.proof.isolation.verdict import AttackResult, Outcome, blocked, record
from tenantry.sql import identifier, literal
from tenantry.testing.administrator import Administrator
from tenantry.testing.cluster import Cluster

# Attacks that no sabotage of the schema turns into a breach, and why.
ELSEWHERE = {
    "rebind": "a limit without a signature; with one see test_attacks_signed",
    "rebind_inside": "as rebind",
    "rebind_session": "a limit where it works at all; the unit of work's own binding stands above it",
    "rebind_write": "as rebind",
    "forge": "as rebind",
    "signing_keys": "as rebind",
    "replay_binding": "as rebind",
    "table_volume": "a limit: the catalog is open to everybody",
    "preset_tenant": "a limit: nothing in PostgreSQL forbids it",
    "advisory_locks": "a limit: every database has them",
    "notifications": "a limit: every database has them",
    "sequences": "a limit: a number of all tenants",
    "security_label": "needs a provider of labels",
    "reach_out": "needs dblink or a wrapper, which the server's wheel has not",
    "read_foreign_tables": "needs a foreign-data wrapper",
}


@pytest.fixture(scope="module")
def laid(
    tenantry_administrator: Administrator, tenantry_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[attack_fixture.FilledTemplate]:
    """The filled database that is copied."""
    service = attack_schema.make_service(tmp_path_factory.mktemp("attack_schema"))
    with tenantry_cluster.database() as address:
        yield asyncio.run(attack_fixture.fill_template(service, address))
        asyncio.run(full_schema.drop_roles(address, service))


@pytest.fixture
def copy(laid: attack_fixture.FilledTemplate, tenantry_cluster: Cluster) -> Iterator[Address]:
    """A copy of it for one test."""
    with tenantry_cluster.database(laid.template) as address:
        yield address


def _names(laid: attack_fixture.FilledTemplate, address: Address) -> dict[str, str]:
    roles = laid.service.roles
    return {
        "app": roles.application,
        "owner": roles.owner,
        "admin": roles.admin,
        "victim": literal(laid.tenants.victim),
        "database": identifier(address.database),
    }


@pytest.fixture
async def attacked(laid: attack_fixture.FilledTemplate, copy: Address) -> AsyncIterator[AttackedDatabase]:
    async with attack_fixture.open_copy(laid, copy) as attacked:
        yield attacked


def _breaches(results: list[AttackResult]) -> set[str]:
    return {one.object for one in results if one.outcome is Outcome.BREACH}


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=str)
async def test_an_attack_gets_through_where_its_hold_is_gone(
    laid: attack_fixture.FilledTemplate, copy: Address, sabotage: Sabotage
) -> None:
    """The breach names the object that was sabotaged."""
    names = _names(laid, copy)
    async with attack_fixture.open_copy(laid, copy) as attacked:
        probe = await attacked.connect()
        version = probe.get_server_version()[0]
        await probe.close()
        if version < sabotage.since:
            pytest.skip(f"PostgreSQL {version} cannot be broken in this way.")
        await attack_fixture.execute(copy, sabotage.sql.format(**names))
        try:
            failed = {}
            for name in sabotage.attacks:
                results = await run_one(attacked, name)
                wanted = sabotage.object.format(**names)
                if not any(found.startswith(wanted) for found in _breaches(results)):
                    failed[name] = [f"{one.object} {one.binding} {one.outcome} {one.detail}" for one in results][:40]
        finally:
            if sabotage.undo:
                await attack_fixture.execute(copy, sabotage.undo.format(**names))
    assert failed == {}


async def test_a_healthy_schema_holds_against_everything(copy: Address, attacked: AttackedDatabase) -> None:
    # A copy has the template's objects, but not the privileges on the database itself.
    await attack_fixture.execute(copy, f"REVOKE TEMPORARY ON DATABASE {identifier(copy.database)} FROM PUBLIC")
    results = [one for name in _ours() for one in await run_one(attacked, name)]
    assert [one for one in results if one.outcome is Outcome.BREACH] == []
    assert [one for one in results if one.detail.startswith(BROKEN)] == []


def _ours() -> set[str]:
    """Return the names of the attacks in SQL; those on the toolkit itself are tested with it."""
    package = attacks.__name__
    runs = {name: attack.run for name, attack in TABLE_ATTACKS.items()}
    more = {name: attack.run for name, attack in SERVICE_ATTACKS.items()}
    return {name for name, run in {**runs, **more}.items() if run.__module__.startswith(package)}


def test_every_attack_has_a_sabotage() -> None:
    sabotaged = {name for sabotage in SABOTAGES for name in sabotage.attacks}
    assert sabotaged | set(ELSEWHERE) == _ours()
    assert not sabotaged & set(ELSEWHERE)


async def test_a_lasting_change_is_a_breach_of_its_own(
    attacked: AttackedDatabase, laid: attack_fixture.FilledTemplate, copy: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attack that notices nothing itself is found out by the rows of others."""
    for catalogue in (TABLE_ATTACKS, SERVICE_ATTACKS):
        for name in list(catalogue):
            monkeypatch.delitem(catalogue, name)

    @service_attack("test", "change a label behind the runner's back")
    async def vandal(_attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
        await attack_fixture.execute(
            copy, f"UPDATE shelves SET label = 'gone' WHERE tenant_id = {literal(laid.tenants.victim)}"
        )
        yield record("vandal", "service", blocked())

    try:
        results = await run_attacks(attacked)
    finally:
        SERVICE_ATTACKS.pop("vandal")
    assert _breaches(results) == {"attack vandal"}
    assert {one.attack for one in results if one.outcome is Outcome.BREACH} == {LASTING_CHANGE.name}


async def test_an_attack_that_fails_is_told_as_broken(
    attacked: AttackedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It neither ends the proof nor counts as safety."""
    for catalogue in (TABLE_ATTACKS, SERVICE_ATTACKS):
        for name in list(catalogue):
            monkeypatch.delitem(catalogue, name)

    @service_attack("test", "stumble")
    async def clumsy(_attacked: AttackedDatabase) -> AsyncIterator[AttackResult]:
        yield record("clumsy", "first", blocked())
        raise ZeroDivisionError("over its own feet")

    try:
        results = await run_attacks(attacked)
    finally:
        SERVICE_ATTACKS.pop("clumsy")
    told = [one for one in results if one.attack == "clumsy"]
    assert [one.outcome for one in told] == [Outcome.BLOCKED, Outcome.SKIPPED]
    assert told[1].detail == f"{BROKEN}ZeroDivisionError over its own feet"


async def test_without_the_right_to_temporary_tables_the_pool_cannot_be_littered(
    laid: attack_fixture.FilledTemplate, copy: Address, attacked: AttackedDatabase
) -> None:
    await attack_fixture.execute(copy, f"REVOKE TEMPORARY ON DATABASE {identifier(copy.database)} FROM PUBLIC")
    results = await run_one(attacked, "temporary_tables")
    assert {one.outcome for one in results} == {Outcome.BLOCKED}


async def test_a_function_that_no_call_could_be_made_up_for_is_no_safe_one(
    copy: Address, attacked: AttackedDatabase
) -> None:
    """Twenty refused casts show nothing of what it would return."""
    await attack_fixture.execute(
        copy,
        "CREATE FUNCTION labels_at(place point) RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS "
        "'SELECT label FROM public.shelves'",
    )
    (told,) = [one for one in await run_one(attacked, "call_functions") if one.object == "function public.labels_at"]
    assert told.outcome is Outcome.SKIPPED


async def test_a_trigger_that_raises_is_not_row_security(
    laid: attack_fixture.FilledTemplate, copy: Address, attacked: AttackedDatabase
) -> None:
    await attack_fixture.execute(
        copy,
        "ALTER TABLE shelves DISABLE ROW LEVEL SECURITY",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'append only'; END$$",
        "CREATE TRIGGER keep BEFORE UPDATE ON shelves FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    results = [one for one in await run_one(attacked, "update_rows") if one.object == "public.shelves"]
    assert {one.outcome for one in results} == {Outcome.SKIPPED}


async def test_own_rows_that_are_held_leave_the_question_of_cascades_open(
    copy: Address, attacked: AttackedDatabase
) -> None:
    await attack_fixture.execute(
        copy,
        "ALTER TABLE parcels DROP CONSTRAINT fk_parcels_shelf",
        "ALTER TABLE parcels ADD CONSTRAINT held FOREIGN KEY (tenant_id, shelf_id) REFERENCES shelves (tenant_id, id)",
    )
    results = [one for one in await run_one(attacked, "cascade_from_delete") if one.object == "public.shelves"]
    assert {one.outcome for one in results} == {Outcome.SKIPPED}


async def test_a_role_that_cannot_be_looked_through_is_no_safe_one(
    attacked: AttackedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a refusal is one: a statement that fails for another reason shows nothing."""
    monkeypatch.setattr(AttackedDatabase, "bind_sql", lambda _attacked, _tenant: "SELECT 1/0")
    results = await run_one(attacked, "role_as_it_is")
    assert [one.outcome for one in results] == [Outcome.SKIPPED]


async def test_each_attack_is_made_under_a_fresh_binding(
    attacked: AttackedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signed one expires, and what is refused for that would look as if it held."""
    kept = {name: TABLE_ATTACKS[name] for name in ("select_all", "select_victim")}
    for catalogue in (TABLE_ATTACKS, SERVICE_ATTACKS):
        for name in list(catalogue):
            monkeypatch.delitem(catalogue, name)
    for name, attack in kept.items():
        monkeypatch.setitem(TABLE_ATTACKS, name, attack)
    kinds, asked = attacked.bindings, []

    def bindings(asking: AttackedDatabase) -> tuple[Binding, ...]:
        asked.append(asking)
        return kinds

    monkeypatch.setattr(AttackedDatabase, "bindings", property(bindings))
    await run_attacks(attacked)
    assert len(asked) == 2


async def test_what_the_attacker_knows_is_read_once(attacked: AttackedDatabase) -> None:
    assert await database_facts(attacked) is await database_facts(attacked)


def test_names_and_sentences_are_told_apart() -> None:
    every = all_attacks()
    assert len({attack.name for attack in every}) == len(every)
    assert all(attack.sentence[0].islower() and not attack.sentence.endswith(".") for attack in every)
