"""What `compose.yaml` tells each service's containers makes a served database, on a real server in the engine's place.

Each part runs as its container does: the command that migrates, then the command that serves, alone in its process and
with the variables of its story.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest
import yaml
from documents import ROOT

from tenantry import Address, KeyRing
from tenantry.project import find_project
from tenantry.service import Service, load_services
from tenantry.settings import list_variables

if TYPE_CHECKING:
    from tests.conftest import Administrator

SERVICES = load_services(find_project(ROOT))
CONTAINERS: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OK = 200
START_DEADLINE = 30.0


@pytest.fixture(params=SERVICES, ids=lambda service: service.name)
def service(request: pytest.FixtureRequest, administrator: Administrator) -> Service:
    found: Service = request.param
    for name in found.extensions:
        if not administrator.fetch("SELECT FROM pg_available_extensions WHERE name = $1", name):
            pytest.skip(f"needs the extension {name}, which this server does not have")
    return found


@pytest.fixture
def containers(service: Service, administrator: Administrator) -> tuple[dict[str, Any], dict[str, Any]]:
    """The container that migrates the service and the one that serves it; the superuser of the first is there."""
    (migrate,) = [one for one in CONTAINERS.values() if service.name in one.get("command", ())]
    (serve,) = [
        one
        for one in CONTAINERS.values()
        if "ports" in one and one["environment"].items() <= migrate["environment"].items()
    ]
    superuser = Address.parse(migrate["environment"][service.settings.variable("migration_database_url")]).user
    administrator.execute(
        f"DO $$ BEGIN CREATE ROLE {superuser} LOGIN SUPERUSER;"
        " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    return migrate, serve


@pytest.fixture
def secrets() -> dict[str, str]:
    """What a person puts into `.env`."""
    keys = KeyRing.generate().text.get_secret_value()
    return {"_SECRET": "a-secret-of-more-than-thirty-two-characters", "_KEYS": keys}


def told(container: dict[str, Any], secrets: dict[str, str], database: Address) -> dict[str, str]:
    """Return what the container is told, with the test's server where compose has its own, and nothing else."""
    host, environment = database.hosts[0], dict(container["environment"])
    for name, value in environment.items():
        kind = next((end for end in secrets if name.endswith(end)), None)
        if kind:
            environment[name] = secrets[kind]
        elif name.endswith("_URL"):
            place = f"@{quote(host.name, safe='')}:{host.port}/{database.database}"
            environment[name] = re.sub(r"@[\w-]+:5432/\w+$", place, value)
    if "DB_HOST" in environment:
        environment |= {"DB_HOST": host.name, "DB_PORT": str(host.port), "DB_NAME": database.database}
    variables = [variable for one in SERVICES for variable in list_variables(one.settings)]
    known = {name for variable in variables for name in (variable.name, variable.unprefixed)}
    inherited = {name: value for name, value in os.environ.items() if name not in known}
    return {**inherited, **environment}


def folder_of(container: dict[str, Any]) -> Path:
    """Return the checkout's own folder of what the image has as /app."""
    place: str = container.get("working_dir") or re.findall(r"^WORKDIR (\S+)$", DOCKERFILE, re.MULTILINE)[-1]
    return ROOT / place.removeprefix("/app/")


@contextmanager
def running(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run a container's command on a port of this machine until it answers; give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    words = [{"0.0.0.0": "127.0.0.1", "8000": port}.get(word, word) for word in command]  # noqa: S104
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], cwd=folder, env=environment, stdout=log, stderr=log, text=True
        )
        try:
            deadline = time.monotonic() + START_DEADLINE
            while not answers(f"http://127.0.0.1:{port}"):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise AssertionError(log.read())
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            # A second signal ends it without the grace that a load balancer would be given.
            process.terminate()
            time.sleep(0.2)
            process.terminate()
            process.wait(timeout=20)


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/livez", timeout=1).status_code == OK
    except httpx2.TransportError:
        return False


def test_the_migrating_container_prepares_what_the_other_serves(
    service: Service,
    containers: tuple[dict[str, Any], dict[str, Any]],
    secrets: dict[str, str],
    empty_database: Address,
) -> None:
    """Roles, schema and audit by one, as the superuser; the other serves alone, as the application's role."""
    migrate, serve = containers
    program, *arguments = migrate["command"]
    done = subprocess.run(
        [Path(sys.executable).parent / program, *arguments],
        cwd=folder_of(migrate),
        env=told(migrate, secrets, empty_database),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "audit done, no findings" in done.stderr
    command = serve.get("command") or yaml.safe_load(re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)[-1])
    with running(command, folder_of(serve), told(serve, secrets, empty_database)) as url:
        for path in ("/readyz", f"{service.path}/health/ready"):
            answer = httpx2.get(f"{url}{path}")
            assert (answer.status_code, answer.json()["database"]) == (OK, "connected")
        paths = set(httpx2.get(f"{url}{service.path}/openapi.json").json()["paths"])
    assert len(paths) > 1


def test_alembic_works_where_the_containers_are(
    service: Service,
    containers: tuple[dict[str, Any], dict[str, Any]],
    secrets: dict[str, str],
    empty_database: Address,
) -> None:
    """`docker compose run --rm migrate alembic upgrade head`, as the README has it."""
    migrate, _ = containers
    environment = told(migrate, secrets, empty_database)
    for arguments in (["upgrade", "head"], ["current"]):
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=folder_of(migrate),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    assert "(head)" in done.stdout
