"""The list of variables that documentation is made from is whole and holds no secret."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry.settings import DatabaseSettings, EnvironmentSettings, Variable, list_variables


class Shop(EnvironmentSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHOP_")

    size: int = Field(default=1, ge=1, lt=9, description="Size.")
    name: str = Field(description="Name.")
    token: SecretStr | None = Field(default=SecretStr("x"), description="Token.")
    colour: Literal["red", "blue"] | None = Field(default=None, description="Colour.")
    is_open: bool = Field(default=True, description="Open.")
    limit: int | Path = Field(default=3, gt=2, le=8, description="Limit.")
    pins: list[int] = Field(default=[], validation_alias="pins_of_shop", description="Pins.")


def test_each_field_is_described() -> None:
    assert list_variables(Shop) == (
        Variable("SHOP_SIZE", "size", "a whole number, at least 1, less than 9", "1", "Size.", False, False),
        Variable("SHOP_NAME", "name", "text", None, "Name.", False, True),
        Variable("SHOP_TOKEN", "token", "text", None, "Token.", True, False),
        Variable("SHOP_COLOUR", "colour", "one of red, blue", None, "Colour.", False, False),
        Variable("SHOP_IS_OPEN", "is_open", "true or false", "true", "Open.", False, False),
        Variable(
            "SHOP_LIMIT", "limit", "a whole number or a path, more than 2, at most 8", "3", "Limit.", False, False
        ),
        Variable("PINS_OF_SHOP", "pins", "", "[]", "Pins.", False, False),
    )


def test_every_setting_of_a_database_has_a_description_and_a_kind() -> None:
    variables = list_variables(DatabaseSettings)
    assert not [variable.name for variable in variables if not variable.description.endswith(".") or not variable.kind]


def test_what_can_hold_a_password_or_a_key_is_a_secret() -> None:
    """The mutant: the same rule finds a field that was declared as plain text."""

    class Careless(DatabaseSettings):
        service_password: str = Field(default="", description="A mistake.")

    assert find_plain_secrets(DatabaseSettings) == []
    assert find_plain_secrets(Careless) == ["SERVICE_PASSWORD"]


def find_plain_secrets(settings: type[EnvironmentSettings]) -> list[str]:
    return [
        variable.name
        for variable in list_variables(settings)
        if variable.name.endswith(("URL", "PASSWORD", "KEYS")) and not variable.is_secret
    ]


@pytest.mark.parametrize("name", ["SHOP_SIZE", "SHOP_TOKEN"])
def test_the_listed_name_is_the_one_that_is_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SHOP_NAME", "x")
    monkeypatch.setenv(name, "7")
    shop = Shop.load()
    field = next(variable.field for variable in list_variables(Shop) if variable.name == name)
    assert field in shop.model_fields_set
