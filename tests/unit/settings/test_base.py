"""Reading the environment and `.env` files, and the sentence for what is wrong."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from tenantry import errors
from tenantry.settings import EnvironmentSettings
from tenantry.settings.base import find_env_file


class Shop(EnvironmentSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHOP_")

    size: int = Field(default=1, ge=1, description="Size.")
    colour: Literal["red", "blue"] = Field(default="red", description="Colour.")
    token: SecretStr | None = Field(default=None, description="Token.")
    pins: list[int] = Field(default=[], description="Pins.")
    secret_pins: dict[str, SecretStr] = Field(default={}, description="Secret pins.")
    site: str = Field(default="here", description="Site.")
    port: int = Field(default=80, validation_alias=AliasChoices("PORT_OF_SHOP", "SHOP_PORT"), description="Port.")

    @field_validator("site")
    @classmethod
    def _check_site(cls, value: str) -> str:
        if value == "nowhere":
            raise ValueError("nobody lives there.")
        return value

    @field_validator("token")
    @classmethod
    def _check_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and "sentinel" in value.get_secret_value():
            raise ValueError(f"{value.get_secret_value()} is a bad token")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Shop:
        if self.size > 90:
            raise ValueError("The shop is too large for the town.")
        return self


class Strict(Shop):
    needed: int = Field(description="Needed.")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SHOP_SIZE": "many"}, "SHOP_SIZE must be a whole number, at least 1."),
        ({"SHOP_SIZE": "0"}, "SHOP_SIZE must be a whole number, at least 1."),
        ({"SHOP_COLOUR": "pink"}, "SHOP_COLOUR must be one of red, blue."),
        ({"SHOP_SITE": "nowhere"}, "SHOP_SITE is wrong: nobody lives there."),
        ({"SHOP_TOKEN": "sentinel"}, "SHOP_TOKEN must be text."),
        ({"SHOP_PINS": "1,sentinel"}, "SHOP_PINS must be valid JSON."),
        ({"SHOP_PINS": '["sentinel"]'}, "SHOP_PINS is wrong: Input should be a valid integer"),
        ({"PORT_OF_SHOP": "x"}, "PORT_OF_SHOP must be a whole number."),
        ({"SHOP_SIZE": "x", "SHOP_COLOUR": "y"}, "SHOP_SIZE must be a whole number, at least 1; SHOP_COLOUR must"),
        ({"SHOP_SIZE": "91"}, "The shop is too large for the town."),
    ],
)
def test_a_wrong_value_gets_one_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    """And never the value, in the message or in anything that a traceback would print."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        Shop.load()
    assert str(caught.value).startswith(sentence)
    assert "sentinel" not in "".join(traceback.format_exception(caught.value))
    # What was caught knows the value, and tools that report errors look at more than its message.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    if not sentence.startswith("The"):
        assert caught.value.variable == next(iter(variables))


def test_a_missing_value_is_named() -> None:
    with pytest.raises(
        errors.ConfigurationError, match=r"^SHOP_NEEDED is missing; it must be a whole number\. Set SHOP_NEEDED in"
    ):
        Strict.load()


def test_pydantics_own_error_hides_the_value() -> None:
    """Whoever does without `load` gets pydantic's words, but no secret either."""
    with pytest.raises(ValidationError) as caught:
        Shop(size="sentinel")  # type: ignore[arg-type]  # the mistake under test
    assert "sentinel" not in str(caught.value)


def test_secrets_are_in_no_repr_and_no_dump() -> None:
    shop = Shop(token=SecretStr("sent"), secret_pins={"a": SecretStr("sent")})
    assert not [
        text for text in (repr(shop), str(shop), shop.model_dump_json(), str(shop.model_dump())) if "sent" in text
    ]


def test_a_blank_variable_counts_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_SIZE", " ")
    assert Shop.load().size == 1


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Shop().size = 3


def test_an_env_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHOP_SIZE=2\nSHOP_COLOUR=blue\nOTHER=1\nSHOP_OTHER=1\n")
    monkeypatch.setenv("SHOP_SIZE", "3")
    shop = Shop.load()
    assert (shop.size, shop.colour) == (3, "blue")
    assert Shop.load(env_file=None).colour == "red"


def test_a_service_folder_sees_the_projects_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Alembic runs in the service's folder and must not talk to another database than the application."""
    (tmp_path / ".env").write_text("SHOP_SIZE=2\n")
    (tmp_path / "pyproject.toml").touch()
    service = tmp_path / "services" / "shop"
    service.mkdir(parents=True)
    monkeypatch.chdir(service)
    assert Shop.load().size == 2
    (service / ".env").write_text("SHOP_SIZE=4\n")
    assert Shop.load().size == 4


def test_an_env_file_outside_of_the_project_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".env").touch()
    project = tmp_path / "project" / "inner"
    project.mkdir(parents=True)
    assert find_env_file(project) is None
    (tmp_path / "project" / "pyproject.toml").touch()
    assert find_env_file(project) is None
    assert find_env_file(tmp_path) == tmp_path / ".env"


def test_an_env_file_that_was_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"absent\.env cannot be read\. No such file"):
        Shop.load(env_file=tmp_path / "absent.env")


def test_an_env_file_of_other_bytes_is_refused_without_them(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"SHOP_TOKEN=sentinel\xff\n")
    with pytest.raises(errors.ConfigurationError, match="is not UTF-8 text") as caught:
        Shop.load()
    assert "sentinel" not in "".join(traceback.format_exception(caught.value))
