"""`tenantry` as people run it: a process in the project's folder, with a home of its own for the embedded server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tenantry.postgres.binaries import Binaries

ROOT = Path(__file__).parents[3]
SERVICE = "ai_agents"
DEADLINE = 60.0
# What would tell a service where its database is, or the command line where to keep one.
VARIABLES = ("AI_AGENTS_", "PLC_COACH_", "ACCOUNTS_", "ITEMS_", "DATABASE_", "DB_", "PG", "TENANTRY_", "PORT")


@dataclass
class CommandLine:
    """The command line in one environment; `service` is the one that is meant, empty for all."""

    home: Path
    postgres: str
    service: str = SERVICE
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, text: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            self._command(arguments),
            cwd=ROOT,
            env=self._environment(environment),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )

    def json(self, *arguments: str, status: int = 0, **environment: str) -> Any:
        """Run one command with --json and return its document."""
        done = self.run(*arguments, "--json", **environment)
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            self._command(arguments),
            cwd=ROOT,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        """Name the service, so that a test of one does not depend on which others the project has."""
        words = list(arguments)
        if self.service and words[0] != "down" and "--service" not in words:
            place = 2 if words[0] in {"prove", "tenant"} else 1
            words[place:place] = ["--service", self.service]
        return [sys.executable, "-W", "error", "-c", "from tenantry.cli import main; main()", *words]

    def _environment(self, changes: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLES)}
        return {
            **inherited,
            "TENANTRY_HOME": str(self.home),
            "TENANTRY_POSTGRES": self.postgres,
            **self.environment,
            **changes,
        }


@dataclass
class Running:
    """An `up` that accepts requests, and what it printed when it began to."""

    process: subprocess.Popen[str]
    guide: dict[str, Any]

    @property
    def url(self) -> str:
        url: str = self.guide["url"]
        return url

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; return the exit status and what was said on stderr."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def command_line(binaries: Binaries, run_folder: Path) -> Iterator[CommandLine]:
    """A home with nothing in it; afterwards its server is stopped."""
    home = Path(tempfile.mkdtemp(prefix="home of ", dir=run_folder))
    postgres = str(binaries.major) if binaries.kind == "embedded" else str(binaries.folder)
    line = CommandLine(home, postgres)
    yield line
    line.run("down")
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def start_up(command_line: CommandLine) -> Iterator[Callable[..., Running]]:
    """Starts `tenantry up` and waits until it says that it serves."""
    started: list[Running] = []

    def start(*arguments: str, **environment: str) -> Running:
        process = command_line.start("up", "--json", "--port", str(free_port()), *arguments, **environment)
        running = Running(process, _read_document(process))
        started.append(running)
        return running

    yield start
    for running in started:
        if running.process.poll() is None:
            running.stop()


def _read_document(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Read the document from a stream that goes on."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line == "}\n":
            document: dict[str, Any] = json.loads(text)
            return document
    _, said = process.communicate()
    raise AssertionError(said)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def find_port() -> Callable[[], int]:
    """Finds a port of this machine that nobody listens on."""
    return free_port
