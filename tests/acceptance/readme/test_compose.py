"""The addresses of `compose.yaml` make a served database, on a real server in the place of the container's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest
import yaml
from documents import ROOT
from servicedesk import STATED, serving, settings_for

from tenantry import Address, KeyRing

if TYPE_CHECKING:
    from tests.conftest import Administrator

SECRETS = {"AI_AGENTS_JWT_SECRET": "a-secret-of-more-than-thirty-two-characters"}
OK = 200

# What the helper would tell the process, and the container is not told.
NOTHING_ELSE = {f"AI_AGENTS_{name.upper()}": "" for name in STATED}


def compose() -> dict[str, Any]:
    document = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    services: dict[str, Any] = document["services"]
    return services


@pytest.fixture
def environments(empty_database: Address, administrator: Administrator) -> dict[str, dict[str, str]]:
    """What each container is told, with the test's server where compose has its own."""
    administrator.execute(
        "DO $$ BEGIN CREATE ROLE aiagents LOGIN SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    services = compose()
    host = quote(empty_database.hosts[0].name, safe="")
    keys = {"AI_AGENTS_ENCRYPTION_KEYS": KeyRing.generate().text.get_secret_value()}
    return {
        name: {
            variable: value.replace("@postgres:5432/ai_agents", f"@{host}/{empty_database.database}")
            for variable, value in {**services[name]["environment"], **SECRETS, **keys}.items()
        }
        for name in ("migrate", "api")
    }


def test_the_migrating_container_prepares_what_the_api_serves(
    environments: dict[str, dict[str, str]], empty_database: Address
) -> None:
    """Roles, schema and audit by one, with the superuser; the other serves as the application's role."""
    program, *arguments = compose()["migrate"]["command"]
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=ROOT / "services" / "ai_agents",
        env={**_inherited(), **environments["migrate"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "audit found nothing" in done.stderr
    with serving(settings_for(empty_database), **{**NOTHING_ELSE, **environments["api"]}) as url:
        answer = httpx2.get(f"{url}/readyz")
    assert answer.status_code == OK
    assert answer.json()["database"] == "connected"


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AI_AGENTS_")}
