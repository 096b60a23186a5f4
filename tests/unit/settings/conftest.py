"""Every test of settings starts with an empty environment, in a folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.upper().startswith(("SHOP_", "DATABASE_", "DB_", "ENCRYPTION_", "AWS_", "ENVIRONMENT")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
