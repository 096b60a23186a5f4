"""What is put into a scratch database, and what becomes of a table for which nothing can be made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import awkward_shapes
import bookshop
import pytest
from proof_deployment import deployment_at
from sqlalchemy import select

from tenantry import Address, Service, errors
from tenantry.postgres.connect import connect
from tenantry.proof.isolation.database import AttackedDatabase, AttackedTable, open_attacked
from tenantry.proof.rows import ROWS
from tenantry.secrets import StaticSource


async def ask(address: Address, statement: str) -> list[asyncpg.Record]:
    """Run statements as the superuser, and return the rows of the last."""
    connection = await connect(StaticSource(address), deadline=10, application_name="test")
    try:
        *before, last = statement.split(";")
        for one in before:
            await connection.execute(one)
        rows: list[asyncpg.Record] = await connection.fetch(last)
        return rows
    finally:
        await connection.close()


def target(attacked: AttackedDatabase, name: str) -> AttackedTable:
    return next(one for one in attacked.tables if one.name == name)


def counts(attacked: AttackedDatabase) -> dict[str, set[int]]:
    return {one.name: {len(one.rows[tenant]) for tenant in attacked.tenants} for one in attacked.tables}


def texts(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [value for row in rows for value in row.values() if isinstance(value, str)]


async def test_each_tenant_has_rows_in_each_table(attacked: AttackedDatabase) -> None:
    assert counts(attacked) == {"publishers": {1}, "authors": {ROWS}, "books": {ROWS}, "readings": {ROWS}}


async def test_a_table_that_has_room_for_one_row_gets_one(attacked_zoo: AttackedDatabase) -> None:
    few = {name for name, found in counts(attacked_zoo).items() if found == {1}}
    assert few == {"zoos", "licences"}
    assert {name for name, found in counts(attacked_zoo).items() if found == {ROWS}} == set(counts(attacked_zoo)) - few


async def test_a_service_is_filled(attacked_service: AttackedDatabase) -> None:
    """`tenants` and `tenant_configs` hold a tenant's own row, of which there is one."""
    for name, found in counts(attacked_service).items():
        assert found == ({1} if name in {"tenants", "tenant_configs"} else {ROWS})


async def test_a_circle_of_references_is_closed(attacked_zoo: AttackedDatabase) -> None:
    for tenant in attacked_zoo.tenants:
        keepers = {row["id"] for row in target(attacked_zoo, "keepers").rows[tenant]}
        animals = {row["id"] for row in target(attacked_zoo, "animals").rows[tenant]}
        assert {row["keeper_id"] for row in target(attacked_zoo, "animals").rows[tenant]} == keepers
        assert {row["animal_id"] for row in target(attacked_zoo, "keepers").rows[tenant]} == animals


async def test_the_first_row_of_a_table_that_must_refer_to_itself_does(attacked_zoo: AttackedDatabase) -> None:
    for tenant in attacked_zoo.tenants:
        first, *others = sorted(target(attacked_zoo, "animals").rows[tenant], key=lambda row: row["mother_id"] or 0)
        assert (first["twin_id"], first["mother_id"]) == (first["id"], None)
        assert all(row["mother_id"] for row in others)


async def test_rows_that_are_there_already_are_referred_to(zoo_service: Service, zoo_address: Address) -> None:
    await ask(zoo_address, "INSERT INTO species (code) VALUES ('OWL'); SELECT")
    async with open_attacked(deployment_at(zoo_service, zoo_address)) as attacked:
        assert {row["species"] for row in target(attacked, "animals").rows[attacked.victim]} == {"OWL"}


async def test_a_readable_text_tells_whose_row_it_is(attacked: AttackedDatabase) -> None:
    for tenant in attacked.tenants:
        titles = [row["title"] for row in target(attacked, "books").rows[tenant]]
        assert all(title.startswith(attacked.marker(tenant)) for title in titles)
        others = [
            text
            for other in attacked.tenants
            if other != tenant
            for text in texts(target(attacked, "books").rows[other])
        ]
        assert not any(attacked.marker(tenant) in text for text in others)


async def test_encrypted_values_open_for_their_tenant(attacked: AttackedDatabase) -> None:
    for tenant in attacked.tenants:
        async with attacked.database.tenant(tenant, read_only=True) as session:
            notes = (await session.scalars(select(bookshop.Book))).all()
            assert {book.notes for book in notes} == {f"{attacked.marker(tenant)} {number}" for number in range(ROWS)}


async def test_a_factory_gives_what_nobody_guesses(attacked_zoo: AttackedDatabase) -> None:
    rows = target(attacked_zoo, "ledger").rows[attacked_zoo.victim]
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert rows[0]["checksum"] == awkward_shapes.make_ledger(attacked_zoo.victim, 1)["checksum"]


async def test_without_a_factory_the_error_says_what_to_do(tmp_path: Path, zoo_address: Address) -> None:
    service = awkward_shapes.make_service(tmp_path, factories={})
    with pytest.raises(errors.ConfigurationError) as caught:
        async with open_attacked(deployment_at(service, zoo_address)):
            pass
    assert "table public.ledger" in caught.value.what
    assert "SQLSTATE 23514 of constraint ck_ledger_checksum" in caught.value.why
    assert 'factories={"ledger": "module:function"}' in caught.value.remedy
    ((zoos,),) = await ask(zoo_address, "SELECT count(*) FROM zoos")
    assert zoos == 0


async def test_a_factory_that_gives_an_unknown_column_is_refused(tmp_path: Path, zoo_address: Address) -> None:
    factories = {"ledger": "awkward_shapes:make_ledger", "public.zoos": "awkward_shapes:make_ledger"}
    service = awkward_shapes.make_service(tmp_path, factories=factories)
    with pytest.raises(errors.ConfigurationError, match=r"factory of table public.zoos gives a value for 'amount'"):
        async with open_attacked(deployment_at(service, zoo_address)):
            pass


async def test_tenants_of_a_live_database_are_left_alone(shop_service: Service, shop_address: Address) -> None:
    await ask(shop_address, "INSERT INTO publishers (tenant_id) VALUES ('proof'); SELECT")
    async with open_attacked(deployment_at(shop_service, shop_address)) as attacked:
        assert list(attacked.tenants) == ["tenant_proof2", "proof2", "tenant_proof2's"]


async def test_keys_that_all_tenants_share_step_over_the_rows_of_a_live_database(
    shop_service: Service, shop_address: Address
) -> None:
    emails = ", ".join(f"('live', 'n', 'attacker-rows {number}')" for number in range(ROWS))
    await ask(shop_address, f"INSERT INTO authors (tenant_id, name, email) VALUES {emails}; SELECT")
    async with open_attacked(deployment_at(shop_service, shop_address)) as attacked:
        assert len(target(attacked, "authors").rows[attacked.attacker]) == ROWS


async def test_names_that_a_check_refuses_give_way_to_plainer_ones(
    shop_service: Service, shop_address: Address
) -> None:
    check = "ALTER TABLE publishers ADD CHECK (tenant_id ~ '^[a-z][a-z0-9-]+$'); SELECT"
    await ask(shop_address, check)
    async with open_attacked(deployment_at(shop_service, shop_address)) as attacked:
        assert list(attacked.tenants) == ["a-proof0", "proof0", "a-proof0-b"]


async def test_a_check_that_takes_no_tenant_is_named(shop_service: Service, shop_address: Address) -> None:
    await ask(shop_address, "ALTER TABLE publishers ADD CONSTRAINT nobody CHECK (tenant_id = 'nobody'); SELECT")
    with pytest.raises(errors.ConfigurationError, match=r"No three tenants could be made up\..*constraint nobody"):
        async with open_attacked(deployment_at(shop_service, shop_address)):
            pass


async def test_an_admin_role_that_row_security_holds_is_refused(
    full_schema_service: Service, empty_database: Address
) -> None:
    """It would neither see what the filling put in nor what an attack did to it."""
    admin = full_schema_service.roles.admin
    await ask(empty_database, f"ALTER ROLE {admin} NOBYPASSRLS; SELECT")
    with pytest.raises(errors.ConfigurationError, match=f"{admin} does not see every tenant's rows"):
        async with open_attacked(deployment_at(full_schema_service, empty_database)):
            pass


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DROP TABLE books", "no table public.books"),
        ("ALTER TABLE readings RENAME tenant_id TO whose", "Table public.readings has no column 'tenant_id'"),
        ("REVOKE SELECT ON books FROM bookshop_admin", "admin role bookshop_admin lacks a privilege"),
        ("REVOKE INSERT ON books FROM bookshop_admin", "made up for table public.books. .* SQLSTATE 42501"),
        ("ALTER TABLE readings RENAME number TO ordinal", None),
        ("ALTER TABLE books DROP CONSTRAINT fk_books_tenant_id_author_id_authors", None),
        ("ALTER TABLE authors ALTER tenant_id DROP NOT NULL; ALTER TABLE authors ALTER tenant_id DROP DEFAULT", None),
    ],
)
async def test_a_schema_that_is_not_the_models_is_filled_or_told(
    shop_service: Service, shop_address: Address, damage: str, told: str | None
) -> None:
    """The catalog is asked, and not the models: what they do not know need not keep a proof from being made."""
    await ask(shop_address, f"{damage}; SELECT")
    deployment = deployment_at(shop_service, shop_address)
    if told is None:
        async with open_attacked(deployment) as attacked:
            assert all(one.rows[attacked.victim] for one in attacked.tables)
    else:
        with pytest.raises(errors.ConfigurationError, match=told):
            async with open_attacked(deployment):
                pass
