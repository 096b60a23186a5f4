"""`tenantry context`: the keys that sign the tenant, from the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import signed_schema
from signed_schema import KEYS, SIGNED_SCHEMAS

from tenantry import Address, errors
from tenantry.cli.entry import run
from tenantry.commands.psql import open_shell
from tenantry.deployment import Deployment
from tenantry.project import find_project
from tenantry.secrets import SigningRing
from tenantry.tenancy.signed_context.signer import Signer

SERVICE = """
from pathlib import Path
from signed_schema import UNSIGNED, SIGNED_SCHEMAS, service_of
service = service_of(SIGNED_SCHEMAS["text"], Path(__file__).parent)
unsigned = service_of(UNSIGNED, Path(__file__).parent)
"""
Command = Callable[..., Any]


@pytest.fixture
def project(empty_database: Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose one service signs its tenants."""
    asyncio.run(SIGNED_SCHEMAS["text"].build(empty_database))
    (tmp_path / "vaulting.py").write_text(SERVICE)
    (tmp_path / "pyproject.toml").write_text('[tool.tenantry]\nservices = ["vaulting:service"]\nsource = "."\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv(
        "SIGNED_SCHEMA_DATABASE_URL",
        empty_database.replace(user=signed_schema.ROLES.application).url.get_secret_value(),
    )
    monkeypatch.setenv("SIGNED_SCHEMA_MIGRATION_DATABASE_URL", empty_database.url.get_secret_value())
    monkeypatch.setenv("SIGNED_SCHEMA_CONTEXT_KEYS", KEYS.text.get_secret_value())
    return tmp_path


@pytest.fixture
def command(project: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command with --json, and return its document."""
    assert project.is_dir()

    def run_it(*arguments: str, status: int = 0) -> Any:
        assert run(["context", *arguments, "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return run_it


def test_a_rotation_step_by_step(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """What rotate writes is what the variable must hold; the old key goes when nothing signs with it."""
    (key,) = command("list")["keys"]
    assert {**key, "created_at": None} == {
        "service": "signed_schema",
        "id": "k1",
        "is_known": True,
        "is_configured": True,
        "is_current": True,
        "created_at": None,
    }
    rotation = command("rotate", "--id", "k2")
    assert (rotation["service"], rotation["key"], rotation["variable"]) == (
        "signed_schema",
        "k2",
        "SIGNED_SCHEMA_CONTEXT_KEYS",
    )
    refused = command("retire", "k1", status=1)
    assert "Key 'k1' cannot be removed" in refused["error"]["what"]
    monkeypatch.setenv(rotation["variable"], rotation["value"])
    assert command("push") == {"services": [{"service": "signed_schema", "added": []}]}
    assert command("retire", "k1") == {"service": "signed_schema", "retired": "k1"}
    known = {key["id"]: (key["is_known"], key["is_current"]) for key in command("list")["keys"]}
    assert known == {"k2": (True, True), "k1": (False, False)}


def test_without_json_stdout_holds_the_secret_and_nothing_else(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that it can be piped to where secrets are kept; the explanation stands on stderr, without the secret."""
    assert project.is_dir()
    assert run(["context", "rotate"]) == 0
    said = capsys.readouterr()
    ring = SigningRing.parse(said.out)
    assert ring.ids[1:] == ("k1",)
    assert ring.current.startswith("k2")
    assert "SIGNED_SCHEMA_CONTEXT_KEYS" in said.err
    assert said.out.strip().split(",")[0].partition(":")[2] not in said.err
    assert run(["context", "list"]) == 0
    assert ring.current in capsys.readouterr().out


def test_no_service_that_signs_is_an_error_with_a_remedy(command: Command, project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.tenantry]\nservices = ["vaulting:unsigned"]\nsource = "."\n')
    assert "signed_context=True" in command("list", status=1)["error"]["remedy"]


def test_a_shell_of_a_tenant_is_signed_for_a_working_day(project: Path, empty_database: Address) -> None:
    service = signed_schema.service_of(SIGNED_SCHEMAS["text"], project)
    shell = asyncio.run(
        open_shell(Deployment(service, signed_schema.settings_for(empty_database)), find_project(), tenant="acme")
    )
    value = shell.environment["PGOPTIONS"].partition("app.current_tenant_id=")[2]
    signed, _, code = value.rpartition("|")
    assert KEYS.sign(signed.encode()).hex() == code
    assert int(signed.split("|")[1]) > int(Signer(KEYS).value("acme").split("|")[1]) + 3600


def test_a_secret_is_in_no_error() -> None:
    """A key's name may be told, its bytes never."""
    with pytest.raises(errors.ConfigurationError) as refused:
        KEYS.rotate("k1")
    assert KEYS.text.get_secret_value().partition(":")[2] not in str(refused.value)
