"""`.ci/test-pythons` finds the Pythons of a computer, and fails if one of them does. The Pythons here are scripts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from documents import ROOT

pytestmark = pytest.mark.one_version

OWN = sys.version_info.minor
CLASSIFIERS = "".join(f'    "Programming Language :: Python :: 3.{minor}",\n' for minor in (OWN, 21, 22, 23))
MAKE = """#!/bin/sh
echo "$@" >> made
for word in "$@"; do
    case $word in
        VENV=*) folder=${word#VENV=} ;;
    esac
done
mkdir -p "$folder/bin"
cp pytest-of-the-environment "$folder/bin/python"
"""
PYTEST = """#!/bin/sh
echo "$0 $@" >> tested
case $0 in *"$FAILING"*) exit 1 ;; esac
"""


@dataclass(frozen=True)
class Computer:
    """A folder with the script, programs on PATH and a home."""

    folder: Path

    def install(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def run(self, failing: str = "none") -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:{os.defpath}"
        return subprocess.run(
            [self.folder / ".ci" / "test-pythons", sys.executable],
            env={"PATH": path, "HOME": str(self.folder / "home"), "FAILING": failing},
            capture_output=True,
            text=True,
            check=False,
        )

    def tested(self) -> list[str]:
        file = self.folder / "tested"
        return [line.split()[0] for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def computer(tmp_path: Path) -> Computer:
    """Python 3.21 on PATH, 3.22 of pyenv behind a shim that fails, 3.23 nowhere."""
    computer = Computer(tmp_path)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "test-pythons", tmp_path / ".ci")
    (tmp_path / "pyproject.toml").write_text(f"[project]\nclassifiers = [\n{CLASSIFIERS}]\n")
    computer.install("bin/make", MAKE)
    computer.install("pytest-of-the-environment", PYTEST)
    computer.install("bin/python3.21", "#!/bin/sh\n")
    computer.install("bin/python3.22", "#!/bin/sh\nexit 127\n")
    for version in ("3.22.9", "3.22.10", "3.22.11t", "3.2.99", "3.23.0t"):
        minor = ".".join(version.split(".")[:2])
        computer.install(f"home/.pyenv/versions/{version}/bin/python{minor}", "#!/bin/sh\n")
    return computer


def test_each_python_is_tested_in_its_own_environment_and_an_absent_one_is_named(computer: Computer) -> None:
    done = computer.run()
    assert done.returncode == 0, done.stderr
    assert f"Python 3.21: {computer.folder}/bin/python3.21\n" in done.stdout
    assert f"Python 3.22: {computer.folder}/home/.pyenv/versions/3.22.10/bin/python3.22\n" in done.stdout
    assert "Python 3.23: not here, skipped\n" in done.stdout
    assert computer.tested() == [".venv-3.21/bin/python", ".venv-3.22/bin/python"]
    made = (computer.folder / "made").read_text()
    assert f"VENV=.venv-3.21 PYTHON={computer.folder}/bin/python3.21 .venv-3.21/dev" in made


def test_the_python_that_was_tested_already_is_left_out(computer: Computer) -> None:
    (computer.folder / "pyproject.toml").write_text(
        f'[project]\nclassifiers = ["Programming Language :: Python :: 3.{OWN}"]\n'
    )
    done = computer.run()
    assert (done.returncode, done.stdout, computer.tested()) == (0, "", [])


def test_a_failure_on_one_does_not_hide_the_others_and_fails_the_whole(computer: Computer) -> None:
    done = computer.run(failing="3.21")
    assert done.returncode == 1
    assert "Python with failures: 3.21\n" in done.stderr
    assert computer.tested() == [".venv-3.21/bin/python", ".venv-3.22/bin/python"]


def test_an_environment_that_cannot_be_made_fails_the_whole(computer: Computer) -> None:
    computer.install("bin/make", "#!/bin/sh\nexit 2\n")
    assert computer.run().returncode != 0
