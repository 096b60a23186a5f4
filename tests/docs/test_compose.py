"""`compose.yaml` and `Dockerfile` agree with the settings, with the README and with what is in the checkout.

No engine is asked for here; `tests/acceptance/readme/test_compose.py` tries the addresses on a real server.
"""

from __future__ import annotations

import re
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from documents import ROOT

from ai_agents.service import service
from tenantry import Address
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

README = (ROOT / "README.md").read_text(encoding="utf-8")
KEYS = {
    "image",
    "build",
    "command",
    "environment",
    "ports",
    "volumes",
    "healthcheck",
    "depends_on",
    "stop_grace_period",
}


@pytest.fixture
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return document


def test_it_is_made_of_what_compose_knows(compose: dict[str, Any]) -> None:
    assert set(compose) == {"name", "x-secrets", "services", "volumes"}
    for name, part in compose["services"].items():
        assert set(part) <= KEYS, name
        assert ("image" in part) != ("build" in part), name
        assert set(part.get("depends_on", {})) <= set(compose["services"]), name
        for mount in part.get("volumes", []):
            assert mount.partition(":")[0] in compose["volumes"]


def test_postgresql_17_with_pgvector_is_on_5433(compose: dict[str, Any]) -> None:
    """As the story has it: the port beside a local one, the database, a health check, and data that stay."""
    postgres = compose["services"]["postgres"]
    assert postgres["image"] == "pgvector/pgvector:pg17"
    assert postgres["ports"] == ["127.0.0.1:5433:5432"]
    assert postgres["environment"]["POSTGRES_DB"] == service.database
    assert "pg_isready" in postgres["healthcheck"]["test"]
    assert postgres["volumes"] == ["postgres-data:/var/lib/postgresql/data"]
    assert "postgres-data" in README
    assert ":5433/ai_agents" in README


def test_ports_are_open_to_this_machine_alone(compose: dict[str, Any]) -> None:
    """The passwords stand in the file."""
    ports = [port for part in compose["services"].values() for port in part.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_variable_is_a_setting(compose: dict[str, Any]) -> None:
    known = {one.name for one in list_variables(service.settings)}
    for name in ("migrate", "api"):
        assert set(compose["services"][name]["environment"]) <= known


def test_each_process_has_the_login_it_needs_and_no_other(compose: dict[str, Any]) -> None:
    """The API never sees the superuser's password, nor the admin's."""
    migrate, api = (compose["services"][name]["environment"] for name in ("migrate", "api"))
    users = {name: Address.parse(value).user for name, value in migrate.items() if name.endswith("DATABASE_URL")}
    assert users == {
        "AI_AGENTS_DATABASE_URL": service.roles.application,
        "AI_AGENTS_MIGRATION_DATABASE_URL": compose["services"]["postgres"]["environment"]["POSTGRES_USER"],
        "AI_AGENTS_ADMIN_DATABASE_URL": service.roles.admin,
    }
    assert [name for name in api if name.endswith("DATABASE_URL")] == ["AI_AGENTS_DATABASE_URL"]
    assert api["AI_AGENTS_DATABASE_URL"] == migrate["AI_AGENTS_DATABASE_URL"]


def test_the_api_waits_for_the_schema(compose: dict[str, Any]) -> None:
    assert compose["services"]["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert compose["services"]["api"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}


def test_the_pools_fit(compose: dict[str, Any]) -> None:
    """Six processes of twenty connections, as the README counts them."""
    (setting,) = [word for word in compose["services"]["postgres"]["command"] if word.startswith("max_connections=")]
    limit = int(setting.partition("=")[2])
    fields = service.settings.model_fields
    pool = fields["database_pool_size"].default + fields["database_max_overflow"].default
    assert f"6 x {pool} = {6 * pool}" in README
    assert 6 * pool < limit
    assert f"to {limit}" in README


def test_what_the_image_copies_is_there_and_let_through() -> None:
    """A COPY of a file that is missing, or that `.dockerignore` holds back, fails on the machine of somebody else."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", dockerfile, re.MULTILINE) for name in line.split()]
    assert {"pyproject.toml", "requirements/run.txt", "services", "src"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")), name
    assert patterns[0] == "*"
