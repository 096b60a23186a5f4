from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, ClassVar

import bookshop
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import DatabaseSettings, Service, errors
from tenantry.deployment import Deployment
from tenantry.deployment.separation import check_separate

HERE = "postgresql://app@db.example/shop"


class LibrarySettings(DatabaseSettings):
    unprefixed: ClassVar[tuple[str, ...]] = ("database_url",)
    model_config = SettingsConfigDict(env_prefix="LIBRARY_")


class ShopSettings(bookshop.Settings):
    unprefixed: ClassVar[tuple[str, ...]] = ("database_url",)


@pytest.fixture
def shop(shop_service: Service) -> Service:
    return dataclasses.replace(shop_service, settings=ShopSettings)


@pytest.fixture
def library(shop_service: Service) -> Service:
    return dataclasses.replace(shop_service, name="library", database="library", settings=LibrarySettings)


def told(settings: type[DatabaseSettings], **variables: str) -> DatabaseSettings:
    return settings(**{name: SecretStr(value) for name, value in variables.items()})  # type: ignore[arg-type]


async def refusal(*pairs: tuple[Service, DatabaseSettings]) -> errors.ConfigurationError:
    with pytest.raises(errors.ConfigurationError) as caught:
        await check_separate([Deployment(service, settings) for service, settings in pairs])
    return caught.value


async def test_a_bare_variable_that_speaks_to_two_services_is_refused(
    shop: Service, library: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names both services, the database, and the two variables that tell them apart; no password."""
    for name in ("BOOKSHOP_DATABASE_URL", "LIBRARY_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:a-password@db.example/shop")
    pairs = [(one, one.settings.load(env_file=None)) for one in (shop, library)]
    error = await refusal(*pairs)
    assert error.what == "The services bookshop and library would share the database shop at db.example:5432."
    assert "BOOKSHOP_DATABASE_URL and LIBRARY_DATABASE_URL" in error.remedy
    assert "a-password" not in str(error)
    monkeypatch.setenv("LIBRARY_DATABASE_URL", "postgresql://app@db.example/library")
    await check_separate([Deployment(one, one.settings.load(env_file=None)) for one in (shop, library)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HERE, "postgres://somebody:else@DB.example.:5432/shop"),
        (HERE, "postgresql://app@other.example,db.example/shop"),
        ("postgresql://app@localhost/shop", "postgresql://app@127.0.0.1:5432/shop"),
        ("postgresql://app@%2Frun%2Fpostgresql/shop", "postgresql://app@%2Frun%2Fpostgresql/shop"),
    ],
)
async def test_one_place_has_several_spellings(shop: Service, library: Service, one: str, other: str) -> None:
    pairs = [(shop, told(ShopSettings, database_url=one)), (library, told(LibrarySettings, database_url=other))]
    assert "bookshop and library" in (await refusal(*pairs)).what


@pytest.mark.parametrize(
    "other",
    [
        "postgresql://app@db.example/library",
        "postgresql://app@db.example:5433/shop",
        "postgresql://app@two.example/shop",
    ],
)
async def test_another_database_port_or_host_is_another_place(shop: Service, library: Service, other: str) -> None:
    await check_separate(
        [
            Deployment(shop, told(ShopSettings, database_url=HERE)),
            Deployment(library, told(LibrarySettings, database_url=other)),
        ]
    )


async def test_an_address_that_migrates_into_anothers_database_is_refused(shop: Service, library: Service) -> None:
    """Though the two applications are apart; the variable at fault is the one that is named."""
    own = told(LibrarySettings, database_url="postgresql://app@db.example/library", migration_database_url=HERE)
    error = await refusal((shop, told(ShopSettings, database_url=HERE)), (library, own))
    assert "BOOKSHOP_DATABASE_URL and LIBRARY_MIGRATION_DATABASE_URL" in error.remedy


async def test_a_services_own_addresses_may_share_its_database(shop: Service) -> None:
    """That is what they are for."""
    three = {f"{purpose}database_url": HERE for purpose in ("", "migration_", "admin_")}
    await check_separate([Deployment(shop, told(ShopSettings, **three))])


async def test_a_store_is_asked_where_it_leads(shop: Service, library: Service, tmp_path: Path) -> None:
    file = tmp_path / "database"
    login: dict[str, Any] = {"username": "app", "password": "x", "host": "db.example", "dbname": "shop"}
    file.write_text(json.dumps(login))
    stored = LibrarySettings(database_url_file=file)
    assert (
        "shop at db.example" in (await refusal((shop, told(ShopSettings, database_url=HERE)), (library, stored))).what
    )


async def test_on_the_embedded_server_the_names_tell_databases_apart(shop: Service, library: Service) -> None:
    await check_separate([Deployment(shop, ShopSettings()), Deployment(library, LibrarySettings())])
    same = dataclasses.replace(library, database=shop.database)
    assert "embedded" in (await refusal((shop, ShopSettings()), (same, LibrarySettings()))).what
