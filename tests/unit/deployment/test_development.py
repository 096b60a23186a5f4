from __future__ import annotations

import dataclasses
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bookshop
import pytest
from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from tenantry import KeyRing, Service
from tenantry.deployment import development
from tenantry.deployment.development import FILE_NAME, is_embedded, load_settings
from tenantry.fastapi.tokens import TokenSettings
from tenantry.project import Project

KEYS = "BOOKSHOP_ENCRYPTION_KEYS"


class Settings(bookshop.Settings, TokenSettings):
    """Settings with all that can be made."""

    model_config = SettingsConfigDict(env_prefix="BOOKSHOP_")
    pepper: SecretStr


@pytest.fixture
def service(shop_service: Service) -> Service:
    return dataclasses.replace(shop_service, settings=Settings)


@pytest.fixture
def file(project: Project) -> Path:
    return project.home / FILE_NAME


def test_what_a_service_needs_is_made_once(service: Service, project: Project, file: Path) -> None:
    """The second time it is read, from a file that only its owner may read."""
    first = load_settings(service, project)
    assert isinstance(first, Settings)
    assert first.key_ring() is not None
    assert first.jwt_secret is not None
    assert len(first.jwt_secret.get_secret_value()) >= 32
    assert len(first.pepper.get_secret_value()) >= 32
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    names = [line.partition("=")[0] for line in file.read_text().splitlines() if not line.startswith("#")]
    for name in names:
        del os.environ[name]
    second = load_settings(service, project)
    assert second == first
    assert sorted(names) == ["BOOKSHOP_ENCRYPTION_KEYS", "BOOKSHOP_JWT_SECRET", "BOOKSHOP_PEPPER"]


def test_what_is_made_stays_out_of_git(service: Service, project: Project) -> None:
    load_settings(service, project)
    assert "*" in (project.home / ".gitignore").read_text().splitlines()


def test_what_is_configured_is_left_alone(
    service: Service, project: Project, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = KeyRing.generate("mine").text.get_secret_value()
    monkeypatch.setenv(KEYS, keys)
    monkeypatch.setenv("BOOKSHOP_JWT_JWKS_URL", "https://issuer.example/keys")
    settings = load_settings(service, project)
    assert isinstance(settings, Settings)
    assert settings.jwt_secret is None
    assert os.environ[KEYS] == keys
    assert KEYS not in file.read_text()


def test_a_dotenv_file_counts_as_configured(service: Service, project: Project, file: Path) -> None:
    """The environment wins over `.env`, so what is made must not go there."""
    keys = KeyRing.generate("mine").text.get_secret_value()
    (project.root / ".env").write_text(f"bookshop_encryption_keys={keys}\n")
    ring = load_settings(service, project).key_ring()
    assert ring is not None
    assert ring.current == "mine"
    assert KEYS not in file.read_text()


@pytest.mark.parametrize(
    "given",
    [
        {"DATABASE_URL": "postgresql://app@db.example/shop"},
        {"DB_HOST": "db.example", "DB_NAME": "shop", "DB_USER": "app"},
        {"DATABASE_SECRET": "prod/shop"},
        {"ENVIRONMENT": "production"},
    ],
    ids=str,
)
def test_a_service_that_was_told_where_it_runs_gets_nothing(
    shop_service: Service, project: Project, file: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """A key from a working copy must never seal a customer's data."""
    for name, value in given.items():
        monkeypatch.setenv(f"BOOKSHOP_{name}", value)
    assert load_settings(shop_service, project).key_ring() is None
    assert not file.exists()
    assert is_embedded(shop_service) is ("ENVIRONMENT" in given)


def test_looking_makes_nothing(shop_service: Service, project: Project) -> None:
    assert load_settings(shop_service, project, makes_secrets=False).key_ring() is None
    assert not project.home.exists()


def test_looking_finds_what_was_made(shop_service: Service, project: Project) -> None:
    made = load_settings(shop_service, project).key_ring()
    del os.environ[KEYS]
    found = load_settings(shop_service, project, makes_secrets=False).key_ring()
    assert made is not None
    assert found is not None
    assert found.text.get_secret_value() == made.text.get_secret_value()


def test_processes_that_ask_at_once_get_the_same(service: Service, project: Project, file: Path) -> None:
    """The lock is the file's, so threads that open it each for themselves stand for processes."""
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: development._secrets(service, file, {}, makes=True), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0]) == 3
