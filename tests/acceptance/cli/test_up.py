"""`tenantry up`: one command, and everything is there."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.one_version

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine, Running


def _get(url: str) -> tuple[int, str]:
    done = subprocess.run(["curl", "-s", "-w", "\n%{http_code}", url], capture_output=True, text=True, check=False)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def test_everything_is_there(start_up: Callable[..., Running]) -> None:
    """Ready, a landing page, documentation, and every example a curl line that works."""
    running = start_up()
    assert _get(f"{running.url}/readyz")[0] == 200
    assert "AI Agents" in _get(running.url)[1]
    (service,) = running.guide["services"]
    assert service["url"] == f"{running.url}/ai-agents"
    assert _get(service["docs"])[0] == 200
    assert len(service["examples"]) > 3
    for example in service["examples"]:
        done = subprocess.run(example["command"], shell=True, capture_output=True, text=True, check=True)  # noqa: S602
        assert int(done.stdout.split()[1]) in {200, 201, 202, 404}, example
    assert running.stop()[0] == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_stops_it_cleanly(
    start_up: Callable[..., Running], command_line: CommandLine, number: signal.Signals, status: int
) -> None:
    """No traceback, and nothing is left: the lease is given back, so the server stops too."""
    ended, said = start_up().stop(number)
    assert ended == status
    assert "Traceback" not in said
    assert command_line.json("status")["server"]["running"] is False


def test_a_misspelled_variable_is_reported_at_start(start_up: Callable[..., Running]) -> None:
    _, said = start_up(AI_AGENTS_DATABASE_POOL_SISE="3").stop()
    assert "AI_AGENTS_DATABASE_POOL_SISE is set in the environment" in said
    assert "Did you mean AI_AGENTS_DATABASE_POOL_SIZE?" in said


def test_the_data_stay_and_fresh_drops_them(start_up: Callable[..., Running], command_line: CommandLine) -> None:
    running = start_up()
    tenants = [one["tenant"] for one in command_line.json("tenant", "list")["tenants"]]
    row = ["--set", "name=x", "--set", "servicedesk_url=https://x.example/"]
    secrets = ["servicedesk_api_key_encrypted", "webhook_signing_secret_encrypted"]
    row += [word for name in secrets for word in ("--set", f"{name}=x")]
    command_line.json("tenant", "create", "umbrella", *row)
    running.stop()
    running = start_up()
    kept = [one["tenant"] for one in command_line.json("tenant", "list")["tenants"]]
    assert kept == sorted({*tenants, "umbrella"})
    running.stop()
    running = start_up("--fresh", "--yes", "--no-demo")
    assert command_line.json("tenant", "list") == {"tenants": []}
    assert running.guide["services"][0]["examples"] == []
    running.stop()


def test_fresh_asks_before_it_drops(command_line: CommandLine) -> None:
    done = command_line.run("up", "--fresh", "--port", str(_free_port()))
    assert done.returncode == 2
    assert "--yes" in done.stderr


def test_fresh_refuses_a_database_that_is_not_the_embedded_one(command_line: CommandLine) -> None:
    url = "postgresql://app_user@127.0.0.1:1/ai_agents"
    done = command_line.run("up", "--fresh", "--yes", "--port", str(_free_port()), AI_AGENTS_DATABASE_URL=url)
    assert done.returncode == 2
    assert "embedded" in done.stderr


def test_a_port_in_use_is_said_before_any_work(command_line: CommandLine) -> None:
    """PORT moves it, as the error says."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        done = command_line.run("up", "--json", PORT=str(port))
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "port_in_use"
    assert str(port) in error["what"]
    assert "PORT=" in error["remedy"]
    assert "database" not in done.stderr


def test_two_at_once_share_the_server(start_up: Callable[..., Running]) -> None:
    """The one that stays is not disturbed by the one that leaves."""
    started: list[Running] = []
    threads = [threading.Thread(target=lambda: started.append(start_up())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        first, second = started
        assert first.stop()[0] == 0
        assert _get(f"{second.url}/readyz")[0] == 200
    finally:
        # One that is left would keep the server up for the tests after this one.
        for running in started:
            if running.process.poll() is None:
                running.stop()
