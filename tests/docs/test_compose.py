"""`compose.yaml` and `Dockerfile` agree with the settings, with the README and with what is in the checkout.

No engine is asked for here; `tests/acceptance/readme/test_compose.py` tries the addresses on a real server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import pytest
import yaml
from documents import ROOT

from tenantry import Address, Service
from tenantry.project import find_project
from tenantry.service import load_services
from tenantry.settings import list_variables

pytestmark = pytest.mark.docs

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
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
    "working_dir",
}
# As the stories have them: the image, and the port beside a local PostgreSQL where one is named.
SERVERS = {
    "ai_agents": ("pgvector/pgvector:pg17", 5433),
    "plc_coach": ("pgvector/pgvector:pg15", 5434),
    "accounts": ("postgres:15", 5435),
    "items": ("postgres:15", 5436),
}


@dataclass(frozen=True)
class Part:
    """A service and its three containers. The story of AI Agents names its own, so they have no prefix."""

    service: Service

    @property
    def names(self) -> tuple[str, str, str]:
        """The containers of the server, of what migrates, and of what serves."""
        name = self.service.name.replace("_", "-")
        own = (f"{name}-postgres", f"{name}-migrate", name)
        return ("postgres", "migrate", "api") if self.service.name == "ai_agents" else own

    @property
    def containers(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        postgres, migrate, api = (CONTAINERS[name] for name in self.names)
        return postgres, migrate, api

    def __str__(self) -> str:
        return self.service.name


PARTS = [Part(service) for service in load_services(find_project(ROOT))]
each_part = pytest.mark.parametrize("part", PARTS, ids=str)


def address_of(service: Service, environment: dict[str, str]) -> Address:
    """Return where the application's container is told that its database is, in one of the ways of the stories."""
    for name in (service.settings.variable("database_url"), "DATABASE_URL"):
        if name in environment:
            return Address.parse(environment[name])
    user, password = environment["DB_USER"], environment["DB_PASSWORD"]
    host, port, database = environment["DB_HOST"], environment["DB_PORT"], environment["DB_NAME"]
    return Address.parse(f"postgresql://{user}:{password}@{host}:{port}/{database}")


def test_every_service_has_its_three_containers_and_there_are_no_others() -> None:
    assert set(CONTAINERS) == {name for part in PARTS for name in part.names}


def test_it_is_made_of_what_compose_knows() -> None:
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"name", "services", "volumes"}
    mounts = [mount.partition(":")[0] for part in CONTAINERS.values() for mount in part.get("volumes", [])]
    assert sorted(mounts) == sorted(COMPOSE["volumes"])
    for name, part in CONTAINERS.items():
        assert set(part) <= KEYS, name
        assert ("image" in part) != ("build" in part), name
        assert set(part.get("depends_on", {})) <= set(CONTAINERS), name


@each_part
def test_each_service_has_the_server_of_its_story(part: Part) -> None:
    """An image, a port, the database, a health check over TCP, and data that stay."""
    postgres, _, _ = part.containers
    image, port = SERVERS[part.service.name]
    assert (postgres["image"], postgres["ports"]) == (image, [f"127.0.0.1:{port}:5432"])
    assert "vector" not in part.service.extensions or "pgvector" in image
    assert postgres["environment"]["POSTGRES_DB"] == part.service.database
    kind, test = postgres["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    assert re.findall(r"\$\$(\w+)", test) == ["POSTGRES_USER", "POSTGRES_DB"]
    assert "pg_isready" in test
    assert "--host=127.0.0.1" in test
    (volume,) = postgres["volumes"]
    assert volume.endswith(":/var/lib/postgresql/data")
    assert f"{port}" in README


def test_the_readme_names_the_storys_volume_and_address() -> None:
    assert "postgres-data" in README
    assert ":5433/ai_agents" in README


def test_ports_are_open_to_this_machine_alone_and_each_is_another() -> None:
    """The passwords stand in the file."""
    ports = [port for part in CONTAINERS.values() for port in part.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    published = [port.split(":")[1] for port in ports]
    assert len(set(published)) == len(published) == 2 * len(PARTS)


def test_no_secret_stands_in_the_file() -> None:
    """What signs and what encrypts is asked for; the servers' password is a word that nobody takes for a real one."""
    for name, container in CONTAINERS.items():
        for variable, value in container["environment"].items():
            if variable.endswith(("_SECRET", "_KEYS")):
                assert value.startswith(f"${{{variable}:?"), name
            elif "PASSWORD" in variable:
                assert value == "development", name
            elif variable.endswith("_URL"):
                password = Address.parse(value).password
                assert password is not None
                assert password.get_secret_value() == "development", name


def test_the_readme_makes_every_secret_that_is_asked_for() -> None:
    asked = set(re.findall(r"\$\{(\w+):\?", (ROOT / "compose.yaml").read_text(encoding="utf-8")))
    assert asked
    assert {name for name in asked if f"{name}=" not in README} == set()


@each_part
def test_every_variable_is_a_setting(part: Part) -> None:
    variables = list_variables(part.service.settings)
    known = {one.name for one in variables} | {one.unprefixed for one in variables}
    for container in part.containers[1:]:
        assert set(container["environment"]) <= known


@each_part
def test_each_process_has_the_login_it_needs_and_no_other(part: Part) -> None:
    """What serves never sees the superuser's password, nor the admin's."""
    service, (postgres, migrate, api) = part.service, part.containers
    ours, superuser = part.names[0], postgres["environment"]["POSTGRES_USER"]
    logins = {"migration_database_url": superuser, "admin_database_url": service.roles.admin}
    for field, user in logins.items():
        address = Address.parse(migrate["environment"][service.settings.variable(field)])
        assert (address.user, address.hosts[0].name, address.database) == (user, ours, service.database)
        assert service.settings.variable(field) not in api["environment"]
    address = address_of(service, api["environment"])
    assert (address.user, address.hosts[0].name, address.hosts[0].port) == (service.roles.application, ours, 5432)
    assert address.database == service.database
    assert api["environment"].items() <= migrate["environment"].items()


@each_part
def test_the_example_file_has_the_addresses_of_compose(part: Part) -> None:
    """As they are from this machine, through the published port."""
    service, (postgres, _, _) = part.service, part.containers
    lines = dict(re.findall(r"^#(\w+)=(.*)$", EXAMPLE, re.MULTILINE))
    place = postgres["ports"][0].removesuffix(":5432")
    users = {
        "database_url": service.roles.application,
        "migration_database_url": postgres["environment"]["POSTGRES_USER"],
        "admin_database_url": service.roles.admin,
    }
    for field, user in users.items():
        url = f"postgresql://{user}:development@{place}/{service.database}"
        assert lines[service.settings.variable(field)] == url
    assert lines[service.settings.variable("db_port")] == place.partition(":")[2]


@each_part
def test_the_api_waits_for_the_schema(part: Part) -> None:
    (postgres, migrate, _), (_, first, then) = part.names, part.containers
    assert first["depends_on"] == {postgres: {"condition": "service_healthy"}}
    assert then["depends_on"] == {migrate: {"condition": "service_completed_successfully"}}


@each_part
def test_the_containers_run_their_own_service(part: Part) -> None:
    """In its folder, where plain `alembic` finds its migrations; the first one's is the image's default."""
    _, migrate, api = part.containers
    assert migrate["command"] == ["tenantry", "prepare", "--service", part.service.name]
    for container in (migrate, api):
        folder = container.get("working_dir") or re.findall(r"^WORKDIR (\S+)$", DOCKERFILE, re.MULTILINE)[-1]
        assert folder == f"/app/services/{part.service.name}"
        assert (ROOT / folder.removeprefix("/app/") / "alembic.ini").is_file()
    command = api.get("command") or yaml.safe_load(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[-1])
    assert command[:2] == ["uvicorn", part.service.app]
    assert command[-1] == "--no-access-log"
    assert api["ports"][0].endswith(f":{command[command.index('--port') + 1]}")


@each_part
def test_a_container_is_given_longer_to_stop_than_it_drains(part: Part) -> None:
    """Else the engine kills requests that are under way."""
    _, _, api = part.containers
    grace = part.service.settings.model_fields["drain_grace"].default
    assert int(api["stop_grace_period"].removesuffix("s")) > 2 * grace


@each_part
def test_the_pools_fit(part: Part) -> None:
    """Six processes of a service's connections, as the README counts them for AI Agents."""
    postgres, _, _ = part.containers
    (setting,) = [word for word in postgres["command"] if word.startswith("max_connections=")]
    limit = int(setting.partition("=")[2])
    fields = part.service.settings.model_fields
    pool = fields["database_pool_size"].default + fields["database_max_overflow"].default
    assert 6 * pool < limit
    assert f"to {limit}" in README
    if part.service.name == "ai_agents":
        assert f"6 x {pool} = {6 * pool}" in README


def test_what_the_image_copies_is_there_and_let_through() -> None:
    """A COPY of a file that is missing, or that `.dockerignore` holds back, fails on the machine of somebody else."""
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [name for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for name in line.split()]
    assert {"pyproject.toml", "requirements/run.txt", "services", "src"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists(), name
        assert any(fnmatch(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")), name
    assert patterns[0] == "*"


def test_what_a_working_copy_gathers_stays_out_of_the_image() -> None:
    """An embedded server's data and the secrets beside it, wherever somebody started one; caches."""
    patterns = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    last = max(place for place, pattern in enumerate(patterns) if pattern.startswith("!"))
    assert {"**/.tenantry", "**/__pycache__", "**/.env"} <= set(patterns[last:])
