"""What is built of this checkout, and an environment that has only that."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Distribution", "Installation", "run"]


@dataclass(frozen=True)
class Distribution:
    """What `make dist` builds."""

    wheel: Path
    archive: Path


@dataclass(frozen=True)
class Installation:
    """An environment that has the wheel, and other packages from the one that runs the tests."""

    python: Path
    packages: Path


def run(*command: str | Path, folder: Path) -> str:
    """Run a program, and return what it printed; a failure shows everything that it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
