"""Where the address comes from, and that a mistake in it stops the service at its start."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import errors
from tenantry.address import TLS
from tenantry.secrets import AWSSource, FileSource, KeyRing, StaticSource
from tenantry.settings import DatabaseSettings

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class ShopSettings(DatabaseSettings):
    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(env_prefix="SHOP_")

    redis_url: SecretStr | None = Field(default=None, description="Redis.")


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> ShopSettings:
    for name, value in variables.items():
        monkeypatch.setenv(f"SHOP_{name}", value)
    return ShopSettings.load()


async def redacted(settings: ShopSettings, purpose: str = "application") -> str:
    source = settings.source(purpose)  # type: ignore[arg-type]  # the three words are the test's
    assert source is not None
    return (await source.current()).redacted


def test_the_pool_is_the_storys() -> None:
    """5 connections kept, 20 at most, 5 seconds for one of the pool, 30 for opening one."""
    settings = ShopSettings.load()
    assert settings.database_pool_size == 5
    assert settings.database_pool_size + settings.database_max_overflow == 20
    assert settings.database_pool_timeout == 5
    assert settings.database_connect_timeout == 30


def test_nothing_given_means_the_embedded_server() -> None:
    settings = ShopSettings.load()
    assert [settings.source(purpose) for purpose in ("application", "migration", "admin")] == [None] * 3
    assert settings.key_ring() is None


async def test_one_url_serves_every_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, DATABASE_URL="postgresql+asyncpg://u:p@h/d")
    assert [await redacted(settings, purpose) for purpose in ("application", "migration", "admin")] == [
        "postgresql://u@h/d"
    ] * 3
    assert not settings.is_separate("migration")


async def test_migration_and_admin_may_have_addresses_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        DATABASE_URL="postgres://u@h/d",
        MIGRATION_DATABASE_URL="postgres://owner@h/d",
        ADMIN_DATABASE_URL="postgres://admin@h/d",
    )
    assert await redacted(settings, "migration") == "postgresql://owner@h/d"
    assert await redacted(settings, "admin") == "postgresql://admin@h/d"
    assert settings.is_separate("migration")
    assert settings.is_separate("admin")


async def test_an_address_may_be_given_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        DB_HOST="h1,h2",
        DB_PORT="5433",
        DB_NAME="d",
        DB_USER="u",
        DB_PASSWORD="p@:/",
        DATABASE_SSLMODE="require",
    )
    source = settings.source()
    assert source is not None
    address = await source.current()
    assert address.redacted == "postgresql://u@h1:5433,h2:5433/d?sslmode=require"
    assert address.password is not None
    assert address.password.get_secret_value() == "p@:/"


async def test_the_first_place_in_order_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://u@file/d")
    parts = {"DB_HOST": "parts", "DB_NAME": "d", "DB_USER": "u"}
    assert await redacted(load(monkeypatch, **parts)) == "postgresql://u@parts/d"
    assert await redacted(load(monkeypatch, DATABASE_URL="postgresql://u@url/d")) == "postgresql://u@url/d"
    settings = load(monkeypatch, DATABASE_URL_FILE=str(file))
    assert isinstance(settings.source(), FileSource)
    assert await redacted(settings) == "postgresql://u@file/d"
    assert isinstance(load(monkeypatch, DATABASE_SECRET="shop/db").source(), AWSSource)


def test_all_who_ask_share_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sources would be two caches and two requests to the store; another secret is another source."""
    settings = load(monkeypatch, DATABASE_SECRET="shop/db")
    assert settings.source("application") is settings.source("migration")
    other = settings.model_copy(update={"database_secret": "shop/other"})
    assert other.source() is not settings.source()


async def test_what_a_secrets_json_leaves_out_comes_from_the_parts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Secrets that RDS manages hold the login alone."""
    file = tmp_path / "secret.json"
    file.write_text(json.dumps({"username": "u", "password": "p"}))
    settings = load(
        monkeypatch,
        DATABASE_URL_FILE=str(file),
        DB_HOST="h",
        DB_NAME="d",
        DB_USER="other",
        DATABASE_SSLMODE="verify-full",
    )
    assert await redacted(settings) == "postgresql://u@h/d?sslmode=verify-full"


async def test_a_secret_without_a_password_is_not_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A login is taken from one place as a whole."""
    file = tmp_path / "secret.json"
    file.write_text(json.dumps({"username": "u"}))
    settings = load(
        monkeypatch, DATABASE_URL_FILE=str(file), DB_HOST="h", DB_NAME="d", DB_USER="other", DB_PASSWORD="p"
    )
    with pytest.raises(errors.ConfigurationError, match="SHOP_DATABASE_URL_FILE: password is missing"):
        await redacted(settings)


async def test_a_secrets_json_may_stand_in_the_variable_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    document = {"username": "u", "password": "p", "host": "h", "port": 5433, "dbname": "d", "engine": "postgres"}
    settings = load(monkeypatch, DATABASE_URL=json.dumps(document))
    assert await redacted(settings) == "postgresql://u@h:5433/d"


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("postgresql://u@h/d", TLS("verify-ca", "/ca.pem")),
        ("postgresql://u@h/d?sslmode=disable", TLS("disable")),
    ],
)
async def test_the_tls_setting_holds_where_an_address_says_nothing(
    monkeypatch: pytest.MonkeyPatch, url: str, tls: TLS
) -> None:
    settings = load(monkeypatch, DATABASE_URL=url, DATABASE_SSLMODE="verify-ca", DATABASE_SSLROOTCERT="/ca.pem")
    source = settings.source()
    assert source is not None
    assert (await source.current()).tls == tls


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://u:sentinel/x@h/d"}, "SHOP_DATABASE_URL has an @ after the first / or ?"),
        ({"DATABASE_URL": "sentinel"}, "SHOP_DATABASE_URL is not a PostgreSQL address"),
        ({"DATABASE_URL": '{"password": "sentinel"'}, "SHOP_DATABASE_URL is not valid JSON."),
        ({"DATABASE_URL": " "}, "SHOP_DATABASE_URL is blank."),
        ({"MIGRATION_DATABASE_URL": "postgresql://:sentinel@h/d"}, "SHOP_MIGRATION_DATABASE_URL: user is missing"),
        ({"ADMIN_DATABASE_URL": "postgresql://u:sentinel@/d"}, "SHOP_ADMIN_DATABASE_URL: host is missing"),
        ({"DB_HOST": "h", "DB_PASSWORD": "sentinel"}, "SHOP_DB_USER is missing."),
        ({"DB_HOST": "h", "DB_USER": "u", "DB_PASSWORD": "sentinel"}, "SHOP_DB_NAME is missing."),
        ({"DB_PASSWORD": "sentinel", "DB_USER": "u", "DB_NAME": "d"}, "SHOP_DB_HOST is missing."),
        ({"DB_PASSWORD": "sentinel", "DB_USER": "u", "DB_NAME": "d", "DB_HOST": ""}, "SHOP_DB_HOST is missing."),
        (
            {"DB_PASSWORD": "sentinel", "DB_PORT": "x"},
            "SHOP_DB_PORT must be a whole number, at least 1, at most 65535.",
        ),
        ({"DATABASE_SSLMODE": "verify-ca"}, "SHOP_DATABASE_SSLROOTCERT is missing"),
        ({"DATABASE_SSLMODE": "on"}, "SHOP_DATABASE_SSLMODE must be one of disable, allow"),
        ({"DATABASE_POOL_SIZE": "0"}, "SHOP_DATABASE_POOL_SIZE must be a whole number, at least 1."),
        ({"DATABASE_POOL_TIMEOUT": "inf"}, "SHOP_DATABASE_POOL_TIMEOUT must be a number, more than 0."),
        ({"ENVIRONMENT": "prod"}, "SHOP_ENVIRONMENT must be one of development, test, production."),
        ({"ENCRYPTION_KEYS": "sentinel"}, "SHOP_ENCRYPTION_KEYS is malformed: entry 1 is not `id:key`"),
        ({"ENCRYPTION_KEYS": "k:sentinel"}, "SHOP_ENCRYPTION_KEYS is malformed: the key of entry 1 is not 32 bytes"),
    ],
)
def test_a_mistake_stops_the_service_at_its_start(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    """One sentence names the variable; no secret is in it, nor in anything a traceback would print."""
    with pytest.raises(errors.ConfigurationError) as caught:
        load(monkeypatch, **variables)
    assert str(caught.value).startswith(sentence)
    assert str(caught.value).startswith(caught.value.variable)
    assert "sentinel" not in "".join(traceback.format_exception(caught.value))


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        DATABASE_URL="postgresql://u:sentinel@h/d",
        MIGRATION_DATABASE_URL="postgresql://u:sentinel@h/d",
        ADMIN_DATABASE_URL="postgresql://u:sentinel@h/d",
        DB_PASSWORD="sentinel",
        REDIS_URL="redis://:sentinel@h",
        ENCRYPTION_KEYS=f"sentinel:{KEY}",
    )
    shown = [
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
        repr(settings.source()),
    ]
    assert not [text for text in shown if "sentinel" in text or KEY in text]


def test_keys_come_from_the_file_before_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"new:{KEY}\nold:{KEY}\n")
    ring = load(monkeypatch, ENCRYPTION_KEYS=f"k:{KEY}").key_ring()
    assert isinstance(ring, KeyRing)
    assert ring.ids == ("k",)
    ring = load(monkeypatch, ENCRYPTION_KEY_FILE=str(file)).key_ring()
    assert ring is not None
    assert ring.ids == ("new", "old")


def test_a_key_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, ENCRYPTION_KEY_FILE="/nowhere/keys")
    with pytest.raises(errors.SecretUnavailable, match="SHOP_ENCRYPTION_KEY_FILE names a file that cannot be read"):
        settings.key_ring()


@pytest.mark.parametrize(
    ("variables", "is_echoing"),
    [
        ({}, False),
        ({"ENVIRONMENT": "development"}, True),
        ({"ENVIRONMENT": "test"}, False),
        ({"ENVIRONMENT": "development", "DATABASE_ECHO": "false"}, False),
        ({"DATABASE_ECHO": "true"}, True),
    ],
)
def test_sql_is_logged_in_development_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, is_echoing: bool
) -> None:
    assert load(monkeypatch, **variables).is_echoing is is_echoing


def test_settings_can_be_given_in_code() -> None:
    settings = ShopSettings(database_url=SecretStr("postgresql://u@h/d"))
    assert isinstance(settings.source(), StaticSource)
