from __future__ import annotations

from pathlib import Path

import pytest

from tenantry import errors
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer
from tenantry.postgres.remote import RemoteServer
from tenantry.testing.options import URL_VARIABLE, VERSION_VARIABLE, choose_server

URL = "postgresql://tester:secret@db.example/postgres"


@pytest.fixture
def config(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> pytest.Config:
    """The configuration of this run, as if nothing had been said about the server."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    monkeypatch.delenv(VERSION_VARIABLE, raising=False)
    monkeypatch.setattr(pytestconfig.option, "tenantry_postgres", None)
    return pytestconfig


def test_the_project_says_which_by_default(config: pytest.Config, tmp_path: Path) -> None:
    server = choose_server(config, tmp_path)
    assert isinstance(server, EmbeddedServer)
    version = server.status().version
    assert version is not None
    assert version.startswith("18")


def test_a_variable_says_which(config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VERSION_VARIABLE, "16")
    assert choose_server(config, tmp_path).status().version == Binaries.wheel(16).version


def test_a_url_is_a_server_of_others(config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, URL)
    server = choose_server(config, tmp_path)
    assert isinstance(server, RemoteServer)
    assert server.address().user == "tester"


def test_the_command_line_wins_over_a_url(
    config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is typed now counts more than what was exported once."""
    monkeypatch.setenv(URL_VARIABLE, URL)
    monkeypatch.setattr(config.option, "tenantry_postgres", "16")
    assert choose_server(config, tmp_path).status().version == Binaries.wheel(16).version


def test_a_wrong_url_is_named(config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URL_VARIABLE, "mysql://tester:secret@db.example/x")
    with pytest.raises(errors.ConfigurationError, match=URL_VARIABLE) as caught:
        choose_server(config, tmp_path)
    assert "secret" not in str(caught.value)
