from __future__ import annotations

from pathlib import Path
from typing import Any

import bookshop
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import Address, DatabaseSettings, Service, errors
from tenantry.fastapi.tokens import TokenSettings, token_verifier
from tenantry.postgres.endpoint import Purpose
from tenantry.testing.service_settings import make_settings

HERE = Address.parse("postgresql://shop@/scratch?host=/run/scratch&sslmode=disable")


class Settings(DatabaseSettings, TokenSettings):
    model_config = SettingsConfigDict(env_prefix="SHELF_")
    mail_key: SecretStr
    shelves: int = 3


class Needy(Settings):
    size: int


def make(settings: type[DatabaseSettings] = Settings, run: str = "one", **overrides: Any) -> Any:
    service = Service(
        "shelf", settings, metadata=bookshop.Base.metadata, migrations=Path(), app="shelf:app", roles=bookshop.ROLES
    )
    addresses: dict[Purpose, Address] = {
        "application": HERE,
        "migration": HERE.replace(user="postgres"),
        "admin": HERE.replace(user="shop_admin"),
    }
    return make_settings(service, addresses, overrides, secret=run)


async def test_each_purpose_has_its_login() -> None:
    settings = make()
    users = [(await settings.source(purpose).current()).user for purpose in ("application", "migration", "admin")]
    assert users == ["shop", "postgres", "shop_admin"]
    assert settings.environment == "test"


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://live:secret@production/shop"},
        {"DATABASE_SECRET": "production/shop", "AWS_REGION": "eu-central-1"},
        {"DATABASE_URL_FILE": "/run/secrets/database"},
        {"DB_HOST": "production", "DB_NAME": "shop", "DB_USER": "live", "DB_PASSWORD": "secret"},
        {"MIGRATION_DATABASE_URL": "postgresql://owner@production/shop"},
        {"ADMIN_DATABASE_URL": "postgresql://admin@production/shop"},
        {"DATABASE_SSLMODE": "verify-full", "DATABASE_SSLROOTCERT": "/etc/production.pem"},
        {"DATABASE_URL": ""},
    ],
    ids=lambda environment: next(iter(environment)),
)
async def test_no_variable_leads_elsewhere(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's shell may hold the address of a database that no test may touch."""
    for name, value in environment.items():
        monkeypatch.setenv(f"SHELF_{name}", value)
    settings = make()
    for purpose in ("application", "migration", "admin"):
        address = await settings.source(purpose).current()
        assert address.hosts == HERE.hosts
        assert address.tls.mode == "disable"


def test_an_env_file_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests mean the same on every machine."""
    (tmp_path / ".env").write_text("SHELF_SHELVES=7\nSHELF_DATABASE_SECRET=production/shop\n")
    monkeypatch.chdir(tmp_path)
    assert make().shelves == 3


def test_secrets_are_made_up_and_usable() -> None:
    settings = make()
    assert settings.key_ring().open(settings.key_ring().seal(b"text", b""), b"") == b"text"
    assert token_verifier(settings)
    assert settings.mail_key.get_secret_value()


def test_all_processes_of_a_run_make_up_the_same() -> None:
    """What a migration sealed in the template, another worker must be able to open."""
    sealed = make().key_ring().seal(b"text", b"")
    assert make().key_ring().open(sealed, b"") == b"text"
    with pytest.raises(errors.DecryptionFailed):
        make(run="another").key_ring().open(sealed, b"")


def test_what_the_environment_gives_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF_MAIL_KEY", "given")
    monkeypatch.setenv("SHELF_JWT_JWKS_URL", "https://identity.example/keys")
    settings = make()
    assert settings.mail_key.get_secret_value() == "given"
    assert settings.jwt_secret is None


def test_an_override_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF_SHELVES", "5")
    settings = make(shelves=9, environment="production", mail_key="mine")
    assert (settings.shelves, settings.environment) == (9, "production")
    assert settings.mail_key.get_secret_value() == "mine"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"SHELF_SIZE: .*tenantry_settings_overrides"):
        make(Needy)
    assert make(Needy, size=1).size == 1


def test_a_wrong_value_is_not_repeated() -> None:
    with pytest.raises(errors.ConfigurationError, match="SHELF_SHELVES") as caught:
        make(shelves="hunter2")
    assert "hunter2" not in str(caught.value)
