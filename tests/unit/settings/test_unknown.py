"""A variable with the service's prefix that no setting reads is reported, with the name that was meant."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import errors
from tenantry.settings import DatabaseSettings
from tenantry.settings.unknown import find_unknown


class Tavern(DatabaseSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="TAVERN_")
    unprefixed = ("database_url",)

    jwt_secret: SecretStr | None = Field(default=None, description="Secret.")
    port: int = Field(default=1, validation_alias=AliasChoices("TAVERN_DOOR", "TAVERN_GATE"), description="Port.")


class TavernKitchen(DatabaseSettings):
    """Another service, whose prefix begins with the first one's."""

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="TAVERN_KITCHEN_")


class Needy(Tavern):
    table_secret: SecretStr = Field(description="Secret of the tables.")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TAVERN_DATABSE_URL", "TAVERN_DATABASE_URL"),
        ("TAVERN_DATABASEURL", "TAVERN_DATABASE_URL"),
        ("TAVERN_DATABASE_POOL_SISE", "TAVERN_DATABASE_POOL_SIZE"),
        ("TAVERN_POOL_SIZE", "TAVERN_DATABASE_POOL_SIZE"),
        ("TAVERN_DB_PASS", "TAVERN_DB_PASSWORD"),
        ("TAVERN_DB_PASWORD", "TAVERN_DB_PASSWORD"),
        ("TAVERN_ENCRYPTION_KEY", "TAVERN_ENCRYPTION_KEYS"),
        ("TAVERN_ENVIROMENT", "TAVERN_ENVIRONMENT"),
        ("tavern_jwt_secrets", "TAVERN_JWT_SECRET"),
        ("TAVERN_GATES", "TAVERN_GATE"),
        # Of another thing: a name with another word behind it, or nothing similar.
        ("TAVERN_DATABASE_URL_OLD", ""),
        ("TAVERN_THEME", ""),
        ("TAVERN_SMTP_HOST", ""),
    ],
)
def test_it_is_reported_with_the_variable_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, name: str, meant: str
) -> None:
    monkeypatch.setenv("TAVERN_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv(name, "1")
    (found,) = Tavern.load().unknown_variables
    assert (found.name, found.meant, found.place) == (name.upper(), meant, "the environment")
    assert found.is_misspelled is bool(meant)
    assert f"Did you mean {meant}?" in found.remedy or not meant


@pytest.mark.parametrize(
    "name",
    [
        "TAVERN_DATABASE_POOL_SIZE",
        "tavern_jwt_secret",
        "TAVERN_DOOR",
        "TAVERN_GATE",
        # Of the other service.
        "TAVERN_KITCHEN_DATABASE_POOL_SIZE",
        "TAVERN_KITCHEN_DATABSE_URL",
        # Of Kubernetes, for a service that is named `tavern`.
        "TAVERN_SERVICE_HOST",
        "TAVERN_SERVICE_PORT",
        "TAVERN_SERVICE_PORT_HTTP",
        "TAVERN_PORT",
        "TAVERN_PORT_5432_TCP",
        "TAVERN_PORT_5432_TCP_ADDR",
        # Without the prefix.
        "DATABSE_URL",
        "DATABASE_POOL_SISE",
        "DB_HOST",
        "PGHOST",
    ],
)
def test_variables_that_are_read_or_of_others_are_not_reported(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "7")
    assert Tavern.load().unknown_variables == ()


def test_a_name_in_the_file_is_reported_with_its_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "TAVERN_DATABASE_URL=postgresql://u@h/d\nTAVERN_DATABASE_ECO=1\nDATABASE_POOL_SIZE=3\nDATABASE_URL=x\n"
        "POSTGRES_PASSWORD=x\nENVIRONMENT=x\n"
    )
    misspelled, bare = Tavern.load().unknown_variables
    assert (misspelled.name, misspelled.meant) == ("TAVERN_DATABASE_ECO", "TAVERN_DATABASE_ECHO")
    assert misspelled.place == f"the file {tmp_path / '.env'}"
    # It may belong to another program, so it is no mistake for sure.
    assert (bare.name, bare.meant, bare.is_misspelled) == (
        "DATABASE_POOL_SIZE",
        "TAVERN_DATABASE_POOL_SIZE",
        False,
    )


def test_no_message_contains_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVERN_DATABASE_URL", "postgresql://u@h/d")
    monkeypatch.setenv("TAVERN_DB_PASWORD", "sentinel")
    (found,) = Tavern.load().unknown_variables
    assert "sentinel" not in repr(found) + found.message + found.remedy


@pytest.mark.parametrize("name", ["TAVERN_DATABSE_URL", "TAVERN_DB_HOSTS", "TAVERN_DATABASE_SECRETS"])
def test_a_misspelled_address_stops_the_start_if_it_is_the_only_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The service would run on the embedded server, in production too, and nobody would notice."""
    monkeypatch.setenv(name, "postgresql://u:sentinel@h/d")
    with pytest.raises(errors.ConfigurationError) as caught:
        Tavern.load()
    assert caught.value.variable == name
    assert "embedded server" in caught.value.why
    assert caught.value.remedy.startswith("Set TAVERN_")
    assert "sentinel" not in str(caught.value)
    monkeypatch.setenv("TAVERN_DATABASE_URL", "postgresql://u@h/d")
    assert Tavern.load().unknown_variables


@pytest.mark.parametrize("name", ["TAVERN_DATABASE_URL_OLD", "TAVERN_THEME", "TAVERN_DATABASE_ECO"])
def test_any_other_unknown_variable_stops_nothing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    assert Tavern.load().source() is None


def test_the_error_for_a_missing_variable_names_the_misspelled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAVERN_TABLE_SECRETT", "sentinel")
    with pytest.raises(errors.ConfigurationError) as caught:
        Needy.load()
    assert caught.value.what == "TAVERN_TABLE_SECRET is missing; it must be text."
    assert caught.value.why == "TAVERN_TABLE_SECRETT is set instead of TAVERN_TABLE_SECRET."
    assert "sentinel" not in str(caught.value)


def test_without_a_prefix_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every variable of the machine would be unknown."""
    monkeypatch.setenv("DATABSE_URL", "x")
    assert find_unknown(DatabaseSettings, None) == ()
