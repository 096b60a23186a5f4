"""What is put into a scratch database, and what becomes of a table for which nothing can be made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import bookshop
import menagerie
import pytest
from grounds import everywhere
from sqlalchemy import select

from tenantry import Address, Service, errors
from tenantry.postgres.connect import connect
from tenantry.proof.isolation.ground import Ground, Target, open_ground
from tenantry.proof.rows.filling import ROWS
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


def target(ground: Ground, name: str) -> Target:
    return next(one for one in ground.targets if one.name == name)


def counts(ground: Ground) -> dict[str, set[int]]:
    return {one.name: {len(one.rows[tenant]) for tenant in ground.trio} for one in ground.targets}


def texts(rows: Sequence[dict[str, Any]]) -> list[str]:
    return [value for row in rows for value in row.values() if isinstance(value, str)]


async def test_each_tenant_has_rows_in_each_table(ground: Ground) -> None:
    assert counts(ground) == {"publishers": {1}, "authors": {ROWS}, "books": {ROWS}, "readings": {ROWS}}


async def test_a_table_that_has_room_for_one_row_gets_one(zoo_ground: Ground) -> None:
    few = {name for name, found in counts(zoo_ground).items() if found == {1}}
    assert few == {"zoos", "licences"}
    assert {name for name, found in counts(zoo_ground).items() if found == {ROWS}} == set(counts(zoo_ground)) - few


async def test_a_service_is_filled(service_ground: Ground) -> None:
    """`tenants` and `tenant_configs` hold a tenant's own row, of which there is one."""
    for name, found in counts(service_ground).items():
        assert found == ({1} if name in {"tenants", "tenant_configs"} else {ROWS})


async def test_a_circle_of_references_is_closed(zoo_ground: Ground) -> None:
    for tenant in zoo_ground.trio:
        keepers = {row["id"] for row in target(zoo_ground, "keepers").rows[tenant]}
        animals = {row["id"] for row in target(zoo_ground, "animals").rows[tenant]}
        assert {row["keeper_id"] for row in target(zoo_ground, "animals").rows[tenant]} == keepers
        assert {row["animal_id"] for row in target(zoo_ground, "keepers").rows[tenant]} == animals


async def test_the_first_row_of_a_table_that_must_refer_to_itself_does(zoo_ground: Ground) -> None:
    for tenant in zoo_ground.trio:
        first, *others = sorted(target(zoo_ground, "animals").rows[tenant], key=lambda row: row["mother_id"] or 0)
        assert (first["twin_id"], first["mother_id"]) == (first["id"], None)
        assert all(row["mother_id"] for row in others)


async def test_rows_that_are_there_already_are_referred_to(zoo_service: Service, zoo_address: Address) -> None:
    await ask(zoo_address, "INSERT INTO species (code) VALUES ('OWL'); SELECT")
    async with open_ground(zoo_service, everywhere(zoo_service, zoo_address)) as ground:
        assert {row["species"] for row in target(ground, "animals").rows[ground.victim]} == {"OWL"}


async def test_a_readable_text_tells_whose_row_it_is(ground: Ground) -> None:
    for tenant in ground.trio:
        titles = [row["title"] for row in target(ground, "books").rows[tenant]]
        assert all(title.startswith(ground.marker(tenant)) for title in titles)
        others = [
            text for other in ground.trio if other != tenant for text in texts(target(ground, "books").rows[other])
        ]
        assert not any(ground.marker(tenant) in text for text in others)


async def test_encrypted_values_open_for_their_tenant(ground: Ground) -> None:
    for tenant in ground.trio:
        async with ground.database.tenant(tenant, read_only=True) as session:
            notes = (await session.scalars(select(bookshop.Book))).all()
            assert {book.notes for book in notes} == {f"{ground.marker(tenant)} {number}" for number in range(ROWS)}


async def test_a_factory_gives_what_nobody_guesses(zoo_ground: Ground) -> None:
    rows = target(zoo_ground, "ledger").rows[zoo_ground.victim]
    assert [row["number"] for row in rows] == [1, 2, 3]
    assert rows[0]["checksum"] == menagerie.make_ledger(zoo_ground.victim, 1)["checksum"]


async def test_without_a_factory_the_error_says_what_to_do(tmp_path: Path, zoo_address: Address) -> None:
    service = menagerie.make_service(tmp_path, factories={})
    with pytest.raises(errors.ConfigurationError) as caught:
        async with open_ground(service, everywhere(service, zoo_address)):
            pass
    assert "table public.ledger" in caught.value.what
    assert "SQLSTATE 23514 of constraint ck_ledger_checksum" in caught.value.why
    assert 'factories={"ledger": "module:function"}' in caught.value.remedy
    ((zoos,),) = await ask(zoo_address, "SELECT count(*) FROM zoos")
    assert zoos == 0


async def test_a_factory_that_gives_an_unknown_column_is_refused(tmp_path: Path, zoo_address: Address) -> None:
    factories = {"ledger": "menagerie:make_ledger", "public.zoos": "menagerie:make_ledger"}
    service = menagerie.make_service(tmp_path, factories=factories)
    with pytest.raises(errors.ConfigurationError, match=r"factory of table public.zoos gives a value for 'amount'"):
        async with open_ground(service, everywhere(service, zoo_address)):
            pass


async def test_tenants_of_a_live_database_are_left_alone(shop_service: Service, shop_address: Address) -> None:
    await ask(shop_address, "INSERT INTO publishers (tenant_id) VALUES ('proof'); SELECT")
    async with open_ground(shop_service, everywhere(shop_service, shop_address)) as ground:
        assert list(ground.trio) == ["tenant_proof2", "proof2", "tenant_proof2's"]


async def test_keys_that_all_tenants_share_step_over_the_rows_of_a_live_database(
    shop_service: Service, shop_address: Address
) -> None:
    emails = ", ".join(f"('live', 'n', 'attacker-rows {number}')" for number in range(ROWS))
    await ask(shop_address, f"INSERT INTO authors (tenant_id, name, email) VALUES {emails}; SELECT")
    async with open_ground(shop_service, everywhere(shop_service, shop_address)) as ground:
        assert len(target(ground, "authors").rows[ground.attacker]) == ROWS


async def test_names_that_a_check_refuses_give_way_to_plainer_ones(
    shop_service: Service, shop_address: Address
) -> None:
    check = "ALTER TABLE publishers ADD CHECK (tenant_id ~ '^[a-z][a-z0-9-]+$'); SELECT"
    await ask(shop_address, check)
    async with open_ground(shop_service, everywhere(shop_service, shop_address)) as ground:
        assert list(ground.trio) == ["a-proof0", "proof0", "a-proof0-b"]


async def test_a_check_that_takes_no_tenant_is_named(shop_service: Service, shop_address: Address) -> None:
    await ask(shop_address, "ALTER TABLE publishers ADD CONSTRAINT nobody CHECK (tenant_id = 'nobody'); SELECT")
    with pytest.raises(errors.ConfigurationError, match=r"No three tenants could be made up\..*constraint nobody"):
        async with open_ground(shop_service, everywhere(shop_service, shop_address)):
            pass


async def test_an_admin_role_that_row_security_holds_is_refused(
    harbour_service: Service, empty_database: Address
) -> None:
    """It would neither see what the filling put in nor what an attack did to it."""
    admin = harbour_service.roles.admin
    await ask(empty_database, f"ALTER ROLE {admin} NOBYPASSRLS; SELECT")
    with pytest.raises(errors.ConfigurationError, match=f"{admin} does not see every tenant's rows"):
        async with open_ground(harbour_service, everywhere(harbour_service, empty_database)):
            pass


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("DROP TABLE books", "no table public.books"),
        ("ALTER TABLE readings RENAME tenant_id TO whose", "Table public.readings has no column 'tenant_id'"),
        ("REVOKE SELECT ON books FROM bookshop_admin", "admin role bookshop_admin may not do its work"),
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
    settings = everywhere(shop_service, shop_address)
    if told is None:
        async with open_ground(shop_service, settings) as ground:
            assert all(one.rows[ground.victim] for one in ground.targets)
    else:
        with pytest.raises(errors.ConfigurationError, match=told):
            async with open_ground(shop_service, settings):
                pass
