"""Other processes that need an embedded server: they can be killed, and can be run by another user."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pydantic
import pytest

import tenantry
from tenantry.postgres.binaries import Binaries

# An ordinary user that machines have a name for, and one that they have none for.
STRANGER = pwd.getpwnam("nobody").pw_uid
NAMELESS = 60999

PROGRAM = """
import sys
from pathlib import Path
from tenantry import errors
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer

folder, kind, programs, version = sys.argv[1:]
try:
    lease = EmbeddedServer(folder, Binaries(kind, Path(programs), version)).lease()
except errors.TenantryError as error:
    print(error.code, str(error).replace("\\n", " "), flush=True)
else:
    print("held", flush=True)
    sys.stdin.read()
    lease.close()
"""


class LeaseHolder:
    """A process that takes a lease, says so, and keeps it until it is let go or killed."""

    def __init__(self, folder: Path, binaries: Binaries, *, user: int | None = None) -> None:
        arguments = [str(folder), binaries.kind, str(binaries.folder), binaries.version]
        self.process = run_python(PROGRAM, *arguments, user=user)

    def wait(self) -> str:
        """Return what it says once it has the lease, "held", or the code and text of its error."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def let_go(self) -> None:
        """Let it close its lease and end."""
        self.process.communicate(timeout=20)

    def kill(self) -> None:
        """Give it no chance to close anything."""
        self.process.kill()
        self.process.communicate(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def run_python(program: str, *arguments: str, user: int | None = None) -> subprocess.Popen[str]:
    """Start Python on a program's text, as another user if asked (only root can ask)."""
    source, packages = (str(Path(module.__file__ or "").parents[1]) for module in (tenantry, pydantic))
    return subprocess.Popen(
        [sys.executable if user is None else find_open_python(), "-c", program, *arguments],
        cwd="/",
        env=os.environ | {"PYTHONPATH": os.pathsep.join((source, packages)), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **as_user(user),
    )


def as_user(user: int | None) -> dict[str, Any]:
    """Return what `subprocess` needs for it."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


@functools.cache
def find_open_python() -> str:
    """Return an interpreter of our version that any user can run, or skip the test."""
    name = f"python3.{sys.version_info.minor}"
    for program in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        packages = str(Path(pydantic.__file__).parents[1])
        test = f"import sys; sys.path.insert(0, {packages!r}); import pydantic_core"
        with contextlib.suppress(OSError):
            done = subprocess.run([program, "-c", test], cwd="/", check=False, **as_user(STRANGER))
            if done.returncode == 0:
                return program
    pytest.skip("No Python of this version, with the installed packages, can be run by another user.")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition; say whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def processes_below(folder: Path) -> list[int]:
    """Return the living processes that work in a folder, as every process of a server does in its data directory."""
    return [pid for pid, place in _working_directories() if place.is_relative_to(folder)]


def supervisors_of(folder: Path) -> list[int]:
    """Return the living supervisors whose plan names a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
            if (
                any(word.endswith(b"supervisor.py") for word in words)
                and json.dumps(str(folder)).encode()[1:-1] in words[-2]
            ):
                found.append(int(entry.name))
    return found


def kill(pid: int) -> None:
    """Kill one process the hard way."""
    os.kill(pid, signal.SIGKILL)


def _working_directories() -> Iterator[tuple[int, Path]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(entry.name), entry.joinpath("cwd").readlink()
