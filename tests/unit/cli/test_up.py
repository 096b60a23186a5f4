from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tenantry.cli.entry import MISUSED, run

PROJECT = """
[tool.tenantry]
services = ["fresh_shop:service"]
"""
SERVICE = """
import bookshop
from pydantic import SecretStr
from tenantry import Service

class Settings(bookshop.Settings):
    pepper: SecretStr

service = Service(name="fresh_shop", base=bookshop.Base, settings=Settings)
"""


def test_fresh_makes_a_required_secret_before_it_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the first start of a project the secret does not exist yet; the confirmation is what is missing."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "fresh_shop.py").write_text(SERVICE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BOOKSHOP_PEPPER", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run(["up", "--fresh", "--port", str(port)]) == MISUSED
    assert "--fresh needs a confirmation" in capsys.readouterr().err
