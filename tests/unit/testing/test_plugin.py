from __future__ import annotations

import json
import subprocess
import sys

import pytest

import tenantry.testing

PROBE = """
import json, sys, pytest, pytest_asyncio
before = set(sys.modules)
import tenantry.testing
print(json.dumps(sorted(name.partition(".")[0] for name in set(sys.modules) - before)))
"""


def test_loading_the_plugin_imports_nothing_heavy() -> None:
    """Every pytest run of everybody who has Tenantry installed loads it, whether it needs a database or not."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert {*json.loads(done.stdout)} <= {"tenantry", "secrets", "hmac"}


def test_every_fixture_carries_the_prefix() -> None:
    """A plugin's fixture would hide none of a user's, but a user's could hide ours."""
    others = {name for name in tenantry.testing.__all__ if not name.startswith(("pytest_", "tenantry_"))}
    assert [name for name in others if not isinstance(getattr(tenantry.testing, name), type)] == []


def test_the_marker_is_known(pytestconfig: pytest.Config) -> None:
    assert any(line.startswith("tenantry(service)") for line in pytestconfig.getini("markers"))
