"""The four services together, as a newcomer meets them: prepared, served, listed; each line that is printed works."""

from __future__ import annotations

import dataclasses
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tenantry.testing.administrator import Administrator

pytestmark = pytest.mark.one_version

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine

NAMES = ["ai_agents", "plc_coach", "accounts", "items"]
TITLES = ["AI Agents", "PLC Coach", "Accounts", "Items"]
LAST_LINE = "Ctrl-C stops it."

# What is printed in order to be refused, by its title.
REFUSED = {
    "AI Agents": {"The configuration of another tenant is not found": 404},
    "PLC Coach": {},
    "Accounts": {
        "An unknown e-mail gets the same answer as a wrong password": 401,
        "Only administrators read users": 403,
        "Another tenant's user is not found": 404,
    },
    "Items": {},
}

# A bare name of the stories that would speak to two services; nobody listens there.
NOWHERE = "postgresql://someone:a-password@127.0.0.1:1/one"


@pytest.fixture(scope="module")
def command_line(command_line: CommandLine, tenantry_administrator: Administrator) -> CommandLine:
    """The command line without --service, on a server that has what every service needs."""
    if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("needs the extension vector, which this server does not have")
    return dataclasses.replace(command_line, service="")


@pytest.fixture(scope="module")
def port(find_port: Callable[[], int]) -> int:
    """Where the services are served."""
    return find_port()


@pytest.fixture(scope="module")
def printed(command_line: CommandLine, port: int) -> Iterator[str]:
    """What `up` prints on a terminal when it serves, after a `prepare` of its own; it goes on serving meanwhile."""
    prepared = command_line.json("prepare")["services"]
    assert [one["service"] for one in prepared] == NAMES
    assert [one["findings"] for one in prepared] == [[], [], [], []]
    process = command_line.start("up", "--port", str(port))
    assert process.stdout is not None
    lines = list(iter(process.stdout.readline, f"{LAST_LINE}\n"))
    yield "".join(lines)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in said) == (0, False)


def test_status_lists_four_ready_services(command_line: CommandLine, printed: str) -> None:
    standing = command_line.json("status")
    assert standing["server"]["running"] is True
    services = standing["services"]
    assert [one["name"] for one in services] == NAMES
    assert [(one["ready"], one["problem"]) for one in services] == [(True, None)] * 4
    assert [one["revision"] for one in services] == [one["head"] for one in services]
    assert [one["database"] for one in services] == NAMES


def test_doctor_and_audit_find_nothing(command_line: CommandLine, printed: str) -> None:
    checks = command_line.json("doctor")["checks"]
    assert {check["status"] for check in checks} == {"ok"}, checks
    assert {check["service"] for check in checks} == {None, *NAMES}
    assert command_line.json("audit") == {"findings": [], "waived": []}


def test_every_service_is_printed_with_lines_that_work(printed: str, port: int) -> None:
    """Each line is run by a shell as it stands there. What is refused is refused on purpose, as its title says."""
    parts = re.split(r"\n\n(?=[\w ]+: http)", printed)
    assert [part.partition(":")[0] for part in parts[1:]] == TITLES
    (health,) = re.findall(r"curl (.+)$", parts[0], re.MULTILINE)
    assert run(f"curl -i {health}") == 200
    for title, part in zip(TITLES, parts[1:], strict=True):
        lines = re.findall(r"^  # (.+)\n  (curl .+)$", part, re.MULTILINE)
        statuses = {said: run(line) for said, line in lines}
        assert {said: status for said, status in statuses.items() if status >= 300} == REFUSED[title]
        assert len(statuses) - len(REFUSED[title]) >= 3
        assert all(f":{port}/" in line for _, line in lines)
        (docs,) = re.findall(r"^  (http\S+)$", part, re.MULTILINE)
        assert run(f"curl -i {docs}") == 200


def run(line: str) -> int:
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=20)
    return int(done.stdout.split()[1])


@pytest.mark.parametrize("command", ["up", "prepare", "migrate"])
def test_one_bare_address_for_two_services_is_refused(
    command_line: CommandLine, command: str, find_port: Callable[[], int]
) -> None:
    """Before anything is reached or made: one sentence that names both, and what tells them apart."""
    document = command_line.json(command, status=1, DATABASE_URL=NOWHERE, PORT=str(find_port()))
    error = document["error"]
    assert error["code"] == "configuration"
    assert error["what"] == "The services plc_coach and accounts would share the database one at localhost:1."
    assert "PLC_COACH_DATABASE_URL and ACCOUNTS_DATABASE_URL" in error["remedy"]


def test_a_rollback_needs_a_service_and_a_yes(command_line: CommandLine) -> None:
    """Nothing is reached or made before both are given."""
    named = command_line.json("rollback", "--yes", status=2, TENANTRY_HOME=NOWHERE)
    assert named["error"]["code"] == "usage"
    assert "Name it with --service: ai_agents, plc_coach" in named["error"]["what"]
    agreed = command_line.json("rollback", "--service", "items", status=2, TENANTRY_HOME=NOWHERE)
    assert "add --yes" in agreed["error"]["what"]
