"""Doing what a page says, block by block, in a folder of its own.

A note above a block says what is special about it. Readers do not see it:

- `file: PATH` writes the block there;
- `background: PATH` starts it, waits until the server answers at that path, and interrupts it at the end;
- `fails` expects it to end with an exit status that is not 0;
- `output` holds lines that the block before it printed;
- `not run: REASON` leaves it out. The reason is required.

Blocks of `bash`, `python` and `sql` without a note are run; `sql` as the application's role in psql. Anything else is
there to be read.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from documents import Block

__all__ = ["RUNNABLE", "Walkthrough"]

RUNNABLE = ("bash", "python", "sql")
PORT = "8000"
LOG = "background.log"
START_DEADLINE = 60.0
OK = 200


@dataclass
class Walkthrough:
    """One reading of one page in `folder`, without the variables of whoever runs the tests.

    `programs` is the folder with the programs of the environment that has the package.
    """

    folder: Path
    programs: Path = field(default_factory=lambda: _programs())  # noqa: PLW0108  (defined below)
    port: str = field(default_factory=lambda: str(_free_port()))
    left_out: list[Block] = field(default_factory=list)
    _output: str = ""
    _background: list[subprocess.Popen[str]] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        """Do what the block says."""
        kind, _, rest = block.note.partition(": ")
        match kind:
            case "file":
                path = self.folder / rest
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(self._at_port(block.text), encoding="utf-8")
            case "not run":
                assert rest, f"{block}: a block that is not run says why"
                self.left_out.append(block)
            case "output":
                for line in block.text.splitlines():
                    assert self._at_port(line) in self._output, f"{block}: {line!r} is not in\n{self._output}"
            case "background":
                self._start(block, rest)
            case "fails":
                self._run(block, is_failing=True)
            case _ if block.language in RUNNABLE:
                self._run(block)

    def close(self) -> None:
        """Interrupt what runs in the background, as a person would, and see it end."""
        for process in self._background:
            os.killpg(process.pid, signal.SIGINT)
        for process in self._background:
            process.wait(timeout=30)
            assert "Traceback" not in (self.folder / LOG).read_text(encoding="utf-8")

    def _run(self, block: Block, *, is_failing: bool = False) -> None:
        done = subprocess.run(
            self._command(block),
            cwd=self.folder,
            env=self._environment(),
            input=self._at_port(block.text),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        self._output = done.stdout
        assert (done.returncode != 0) is is_failing, f"{block} ended with {done.returncode}:\n{done.stdout}"

    def _start(self, block: Block, path: str) -> None:
        log_file = self.folder / LOG
        with log_file.open("w") as log:
            process = subprocess.Popen(
                ["bash", "-euc", self._at_port(block.text)],
                cwd=self.folder,
                env=self._environment(),
                stdout=log,
                stderr=log,
                text=True,
                # A group of its own, so that it can be interrupted as a terminal does.
                start_new_session=True,
            )
        self._background.append(process)
        deadline = time.monotonic() + START_DEADLINE
        while not self._answers(path):
            said = log_file.read_text(encoding="utf-8")
            assert process.poll() is None, f"{block} ended:\n{said}"
            assert time.monotonic() < deadline, f"{block} does not answer at {path}:\n{said}"
            time.sleep(0.1)
        self._output = log_file.read_text(encoding="utf-8")

    def _answers(self, path: str) -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=2).status_code == OK
        except httpx2.TransportError:
            return False

    def _at_port(self, text: str) -> str:
        return text.replace(PORT, self.port)

    def _command(self, block: Block) -> list[str]:
        if block.language == "python":
            return [str(self.programs / "python"), "-"]
        if block.language == "sql":
            return [str(self.programs / "tenantry"), "psql", "--service", "ai_agents", "--", "-v", "ON_ERROR_STOP=1"]
        return ["bash", "-euo", "pipefail"]

    def _environment(self) -> dict[str, str]:
        services = ("AI_AGENTS_", "PLC_COACH_", "ACCOUNTS_", "ITEMS_", "BOOKSHOP_", "DATABASE_", "DB_")
        ours = (*services, "TENANTRY_", "PG", "PYTEST_", "MAKE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return {**kept, "PATH": path, "PORT": self.port, "PYTHONUNBUFFERED": "1"}


def _programs() -> Path:
    """Return where the environment's programs are; resolving a link of python would leave the environment."""
    found = shutil.which("tenantry", path=str(Path(sys.executable).parent))
    assert found is not None, "tenantry is not installed beside this Python"
    return Path(found).parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
