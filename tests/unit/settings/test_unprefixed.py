"""Names without the prefix are read as a whole address or not at all, and what is wrong is said of the name in use."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic_settings import SettingsConfigDict

from tenantry import errors
from tenantry.settings import DatabaseSettings, list_variables

PARTS = ("db_host", "db_port", "db_name", "db_user", "db_password")
BARE = {"DB_HOST": "bare", "DB_NAME": "bare", "DB_USER": "bare", "DB_PASSWORD": "sentinel"}
OWN = {"SHOP_DB_HOST": "own", "SHOP_DB_NAME": "own", "SHOP_DB_USER": "own"}


class Shop(DatabaseSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHOP_")
    unprefixed = PARTS


class Mill(DatabaseSettings):
    """Another service of the same process, which goes by a URL."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="MILL_")
    unprefixed = ("database_url",)


class Lenient(Shop):
    default_parts: ClassVar[dict[str, str]] = {"host": "localhost", "dbname": "shop", "user": "clerk"}


async def address_of(settings: DatabaseSettings) -> str | None:
    source = settings.source()
    return None if source is None else (await source.current()).redacted


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        (BARE, "postgresql://bare@bare/bare"),
        ({**BARE, "DB_PORT": "6432"}, "postgresql://bare@bare:6432/bare"),
        # A whole address under the prefix is all there is, also in parts that it leaves open.
        ({**BARE, **OWN, "DB_PORT": "6432"}, "postgresql://own@own/own"),
        ({**BARE, "DB_PORT": "6432", "SHOP_DATABASE_URL": "postgresql://u@h/d"}, "postgresql://u@h/d"),
        # A port says nothing of where the database is.
        ({**BARE, "DB_PORT": "6432", "SHOP_DB_PORT": "7432"}, "postgresql://bare@bare:7432/bare"),
        ({**BARE, "SHOP_DB_HOST": " ", "SHOP_DATABASE_URL": ""}, "postgresql://bare@bare/bare"),
        ({"DATABASE_URL": "postgresql://u@h/d"}, None),
    ],
)
async def test_the_address_comes_from_one_place(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str | None
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert await address_of(Shop.load()) == expected


async def test_services_of_one_process_read_their_own_bare_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**BARE, "DATABASE_URL": "postgresql://u@h/d"}.items():
        monkeypatch.setenv(name, value)
    assert await address_of(Mill.load()) == "postgresql://u@h/d"
    assert await address_of(Shop.load()) == "postgresql://bare@bare/bare"
    monkeypatch.setenv("MILL_DB_HOST", "mine")
    monkeypatch.setenv("MILL_DB_NAME", "mine")
    monkeypatch.setenv("MILL_DB_USER", "mine")
    assert await address_of(Mill.load()) == "postgresql://mine@mine/mine"


async def test_a_file_counts_like_the_environment_which_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in BARE.items()))
    monkeypatch.setenv("DB_HOST", "elsewhere")
    assert await address_of(Shop.load()) == "postgresql://bare@elsewhere/bare"
    monkeypatch.delenv("DB_HOST")
    assert await address_of(Shop.load(env_file=None)) is None


async def test_settings_that_are_made_directly_read_no_bare_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's database must not get a part of one that the developer's environment names."""
    for name, value in {**BARE, "DB_PORT": "6432"}.items():
        monkeypatch.setenv(name, value)
    assert await address_of(Shop()) is None


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({**BARE, "DB_PORT": "many"}, "DB_PORT must be a whole number"),
        ({**BARE, "SHOP_DB_PORT": "many"}, "SHOP_DB_PORT must be a whole number"),
        ({"DB_HOST": "h"}, "DB_USER is missing"),
        ({"SHOP_DB_HOST": "h"}, "SHOP_DB_USER is missing"),
        ({"DB_HOST": " "}, "DB_HOST is blank"),
        ({"SHOP_DB_HOST": " "}, "SHOP_DB_HOST is blank"),
    ],
)
def test_what_is_wrong_is_said_of_the_name_in_use(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        Shop.load()
    assert str(caught.value).startswith(sentence)
    assert caught.value.variable == sentence.split(maxsplit=1)[0]
    assert "sentinel" not in repr(caught.value)
    assert Shop.variable("db_port") == "SHOP_DB_PORT"


async def test_parts_have_defaults_where_a_service_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once one part is there; before that the service runs on the embedded server."""
    assert await address_of(Lenient.load()) is None
    monkeypatch.setenv("DB_PASSWORD", "x")
    assert await address_of(Lenient.load()) == "postgresql://clerk@localhost/shop"
    monkeypatch.setenv("DB_HOST", "other")
    assert await address_of(Lenient.load()) == "postgresql://clerk@other/shop"


def test_the_list_of_variables_tells_the_bare_names() -> None:
    assert {one.unprefixed for one in list_variables(Shop)} == {"", *(part.upper() for part in PARTS)}
