"""The project: the folder whose `pyproject.toml` has a `[tool.tenantry]` table, and what that table says.

    [tool.tenantry]
    services = ["ai_agents.service:service"]   # where each service's `Service` stands
    source = "services"                        # put on the import path; the project's folder itself by default
    postgres = "18"                            # the embedded server: "18", "16", or a folder with PostgreSQL's programs

What Tenantry keeps on disk for a project stands in its `.tenantry/` folder, which keeps itself out of Git: it holds
secrets and the data of a server.
"""

from __future__ import annotations

import dataclasses
import os
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from tenantry import errors

__all__ = ["HOME_VARIABLE", "POSTGRES_VARIABLE", "Project", "find_project", "make_home"]

HOME_VARIABLE = "TENANTRY_HOME"
POSTGRES_VARIABLE = "TENANTRY_POSTGRES"

HOME = ".tenantry"
IGNORE_FILE = ".gitignore"
IGNORE_ALL = "# Written by Tenantry: this folder holds secrets and data, which do not belong into a repository.\n*\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Project:
    """One project.

    `home` holds the embedded server's data: `.tenantry/` of the project, or where TENANTRY_HOME says. `postgres` is the
    server to embed; TENANTRY_POSTGRES overrides it.
    """

    root: Path
    services: tuple[str, ...] = ()
    source: str = "."
    postgres: str = "18"

    @property
    def home(self) -> Path:
        """The folder of everything Tenantry keeps on disk for this project."""
        given = os.environ.get(HOME_VARIABLE)
        return Path(given).absolute() if given else self.root / HOME

    @property
    def postgres_spec(self) -> str:
        """Which PostgreSQL to embed."""
        return os.environ.get(POSTGRES_VARIABLE) or self.postgres


def find_project(start: Path | None = None) -> Project:
    """Return the project that `start` (by default the current folder) lies in.

    A folder without any `[tool.tenantry]` above it is a project of its own, without services.

    Raises:
        ConfigurationError: the table is malformed.
    """
    origin = (start or Path.cwd()).absolute()
    for folder in (origin, *origin.parents):
        table = _read_table(folder / "pyproject.toml")
        if table is not None:
            return _make(folder, table)
    return Project(root=origin)


def make_home(home: Path) -> None:
    """Make a project's folder unless it is there, with a `.gitignore` that keeps all of it out of Git.

    A `.gitignore` that is there stays as it is. A folder of another name that held something before gets no such file,
    because it may be a repository of the user's.
    """
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / IGNORE_FILE
    is_ours = home.name == HOME or not any(home.iterdir())
    # Another user's folder may be there to read only, and then nothing is added to it.
    if ignore.exists() or not is_ours or not os.access(home, os.W_OK):
        return
    # By a rename: `git add` in between must not find an empty file.
    descriptor, draft = tempfile.mkstemp(prefix=IGNORE_FILE, dir=home)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(IGNORE_ALL)
    Path(draft).chmod(0o644)
    Path(draft).replace(ignore)


def _read_table(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("tenantry")
    except tomllib.TOMLDecodeError as error:
        raise errors.ConfigurationError(f"{path} is not valid TOML.", why=str(error)) from error
    if table is not None and not isinstance(table, dict):
        raise errors.ConfigurationError(f"[tool.tenantry] in {path} is not a table.")
    return table


def _make(root: Path, table: dict[str, Any]) -> Project:
    services, source, postgres = table.get("services", []), table.get("source", "."), table.get("postgres", "18")
    strings = isinstance(services, list) and all(isinstance(item, str) and ":" in item for item in services)
    if not strings or not isinstance(source, str) or not isinstance(postgres, str):
        raise errors.ConfigurationError(
            f"[tool.tenantry] in {root / 'pyproject.toml'} is malformed.",
            why="`services` is a list of `module:attribute`; `source` and `postgres` are strings.",
        )
    return Project(root, tuple(services), source, postgres)
