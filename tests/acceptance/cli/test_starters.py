"""Many processes that start at once on one home, and starts that fail in the middle."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from lease_holder import wait_until

from tenantry.testing.administrator import Administrator

pytestmark = [pytest.mark.one_version, pytest.mark.timeout(300)]

if TYPE_CHECKING:
    from tests.acceptance.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
DEADLINE = 120.0

# The AI Agents with a demonstration of its own: a statement, which happens in the middle of a start, and then the rows.
BILLING = """
import asyncio, dataclasses, os, signal, socket
from pathlib import Path
from ai_agents import demo
from ai_agents.service import service as origin
service = dataclasses.replace(origin, demo="billing:seed")
async def seed(database):
    {statement}
    await demo.seed(database)
"""

# The first that comes here stays until the test lets it go on.
GATE = """
    Path("seeding").touch()
    while not Path("go").exists(): await asyncio.sleep(0.05)
"""


@pytest.fixture
def line(command_line: CommandLine) -> CommandLine:
    """The command line without --service, so that all services of a project are meant."""
    return dataclasses.replace(command_line, service="")


@pytest.fixture
def empty_home(command_line: CommandLine, run_folder: Path) -> Iterator[Path]:
    """Let the command line have a home that holds nothing."""
    before, command_line.home = command_line.home, Path(tempfile.mkdtemp(prefix="home of ", dir=run_folder))
    yield command_line.home
    command_line.run("down")
    shutil.rmtree(command_line.home)
    command_line.home = before


class Starters:
    """Processes that start at random moments, and what they write to files."""

    def __init__(self, line: CommandLine, folder: Path) -> None:
        self._line = line
        self._folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, cwd: Path = ROOT, longest_pause: float = 0.4, **environment: str) -> None:
        """Start a process, and wait for a moment."""
        number = len(self.processes)
        with self._file(number, "out").open("wb") as out, self._file(number, "err").open("wb") as err:
            process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", "from tenantry.cli import main; main()", *arguments],
                cwd=cwd,
                env={**self._line._environment(environment), "PYTHONPATH": str(ROOT / "services")},
                stdout=out,
                stderr=err,
            )
        self.processes.append(process)
        time.sleep(random.uniform(0, longest_pause))

    def said(self, number: int) -> str:
        """Return what a process wrote on stderr."""
        return self._file(number, "err").read_text(encoding="utf-8")

    def guide(self, number: int) -> dict[str, Any]:
        """Wait until an `up` serves, and return what it printed then."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            written = self._file(number, "out").read_text(encoding="utf-8")
            if written.endswith("}\n"):
                document: dict[str, Any] = json.loads(written)
                return document
            if self.processes[number].poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(self.said(number))

    def count_saying(self, text: str) -> int:
        """Count the processes that wrote the text on stderr."""
        return sum(text in self.said(number) for number in range(len(self.processes)))

    def terminate(self) -> list[tuple[int, bool]]:
        """End all processes; return the status of each, and whether it wrote a traceback."""
        for process in self.processes:
            process.terminate()
        return [(self.end(number), "Traceback" in self.said(number)) for number in range(len(self.processes))]

    def end(self, number: int) -> int:
        """Wait for the end of a process and return its status."""
        return self.processes[number].wait(DEADLINE)

    def _file(self, number: int, name: str) -> Path:
        return self._folder / f"{number}.{name}"


@pytest.fixture
def starters(line: CommandLine, tmp_path: Path) -> Iterator[Starters]:
    """Starts processes; those that still run at the end are killed."""
    starters = Starters(line, tmp_path)
    yield starters
    for process in starters.processes:
        process.kill()
        process.wait()


@pytest.fixture
def billing(tmp_path: Path) -> Callable[..., Path]:
    """Makes a project of one service whose demonstration takes the given statement first; returns its folder."""

    def make(statement: str, *others: str) -> Path:
        folder = tmp_path / "billing"
        folder.mkdir()
        services = ["billing:service", *others]
        (folder / "billing.py").write_text(BILLING.format(statement=statement.strip()))
        (folder / "pyproject.toml").write_text(f'[tool.tenantry]\nservices = {services}\nsource = "."\n')
        return folder

    return make


def test_six_first_starts_at_once_all_serve(
    empty_home: Path,
    line: CommandLine,
    starters: Starters,
    billing: Callable[..., Path],
    find_port: Callable[[], int],
    tenantry_administrator: Administrator,
) -> None:
    """One inserts the rows, the others wait for it and find them. When the last starter has gone, so has the server."""
    if not tenantry_administrator.fetch("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
        pytest.skip("needs the extension vector, which this server does not have")
    folder = billing(GATE, "plc_coach.service:service")
    for _ in range(6):
        starters.start("up", "--json", "--port", str(find_port()), cwd=folder)
    assert wait_until(lambda: starters.count_saying("another process prepares ai_agents") == 5, DEADLINE)
    (folder / "go").touch()
    for number in range(6):
        assert _status(f"{starters.guide(number)['url']}/readyz") == 200
    assert _count_rows(line, ai_agents="enhancement_history", plc_coach="users") == {"ai_agents": 6, "plc_coach": 3}
    assert starters.terminate() == [(0, False)] * 6
    assert _is_stopped(line)


def test_databases_are_not_dropped_under_a_start(
    line: CommandLine, starters: Starters, billing: Callable[..., Path], find_port: Callable[[], int]
) -> None:
    """`--fresh` waits until the service accepts requests, and its rows are there again afterwards."""
    folder = billing(GATE)
    starters.start("up", "--json", "--port", str(find_port()), cwd=folder)
    assert wait_until((folder / "seeding").exists, DEADLINE)
    starters.start("up", "--fresh", "--yes", "--json", "--port", str(find_port()), cwd=folder)
    assert wait_until(lambda: starters.count_saying("another process is starting") == 1, DEADLINE)
    (folder / "go").touch()
    for number in range(2):
        starters.guide(number)
    assert "database ai_agents dropped" in starters.said(1)
    assert _count_rows(line, ai_agents="enhancement_history") == {"ai_agents": 6}
    assert starters.terminate() == [(0, False)] * 2
    assert _is_stopped(line)


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("raise ValueError('no rows')", 1),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        # Another program takes the port in the middle.
        ("global taken; taken = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))", 1),
    ],
    ids=["error", "SIGKILL", "port"],
)
def test_a_start_that_fails_leaves_no_server(
    line: CommandLine,
    starters: Starters,
    billing: Callable[..., Path],
    find_port: Callable[[], int],
    statement: str,
    status: int,
) -> None:
    """Whatever happens in the middle: the lease is given back, and the server stops."""
    starters.start("up", cwd=billing(statement), PORT=str(find_port()))
    assert starters.end(0) == status
    assert ("demonstration rows" in starters.said(0)) is ("taken" in statement)
    assert _is_stopped(line)


def test_a_start_that_is_killed_lets_the_next_one_go_on(
    line: CommandLine, starters: Starters, billing: Callable[..., Path], find_port: Callable[[], int]
) -> None:
    """The killed one holds the service's lock; the kernel gives it to the one that waits."""
    kills_once = "Path('killed').exists() or (Path('killed').touch(), os.kill(os.getpid(), signal.SIGKILL))"
    folder = billing(kills_once)
    for _ in range(2):
        starters.start("up", "--json", "--port", str(find_port()), cwd=folder)
    killed = [number for number in range(2) if _ends_or_serves(starters, number) == -signal.SIGKILL]
    assert len(killed) == 1
    assert sorted(starters.terminate()) == [(-signal.SIGKILL, False), (0, False)]
    assert _is_stopped(line)


def _ends_or_serves(starters: Starters, number: int) -> int | None:
    try:
        starters.guide(number)
    except AssertionError:
        return starters.end(number)
    return None


def _count_rows(line: CommandLine, **tables: str) -> dict[str, int]:
    """Count the rows of one table of each service, over all tenants."""
    counts = {}
    for service, table in tables.items():
        statement = f"SELECT count(*) FROM {table}"
        found = line.run("psql", "--service", service, "--as", "admin", "--", "-Atc", statement)
        counts[service] = int(found.stdout)
    return counts


def _status(url: str) -> int:
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url], capture_output=True, check=True)
    return int(done.stdout)


def _is_stopped(line: CommandLine) -> bool:
    """Wait for the server's end, which follows the end of its last lease."""
    return wait_until(lambda: not line.json("status", "--service", "ai_agents")["server"]["running"], DEADLINE)
