"""The project: the folder whose `pyproject.toml` has a `[tool.tenantry]` table, and the values of that table.

    [tool.tenantry]
    services = ["ai_agents.service:service"]   # the `Service` of each service, as module:attribute
    source = "services"                        # the folder to import from; by default the project's folder
    postgres = "18"                            # the embedded server: "18", "16", or a folder with PostgreSQL's programs

Tenantry stores a project's secrets and the data of its server in the folder `.tenantry/`. That folder has a
`.gitignore` that excludes all of it from Git.
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
IGNORE_ALL = "# Written by Tenantry: this folder contains secrets and data, which do not belong in a repository.\n*\n"


@dataclasses.dataclass(frozen=True, slots=True)
class Project:
    """One project.

    `home` contains the embedded server's data: the project's `.tenantry/`, or the folder that TENANTRY_HOME names.
    `postgres` selects the embedded server; TENANTRY_POSTGRES overrides it.
    """

    root: Path
    services: tuple[str, ...] = ()
    source: str = "."
    postgres: str = "18"

    @property
    def home(self) -> Path:
        """The folder for all files that Tenantry keeps for this project."""
        given = os.environ.get(HOME_VARIABLE)
        return Path(given).absolute() if given else self.root / HOME

    @property
    def postgres_spec(self) -> str:
        """The PostgreSQL to embed."""
        return os.environ.get(POSTGRES_VARIABLE) or self.postgres


def find_project(start: Path | None = None) -> Project:
    """Return the project that contains `start`, by default the current folder.

    If neither the folder nor a parent has `[tool.tenantry]`, the folder is a project without services.

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
    """Create a project's folder if it does not exist, with a `.gitignore` that excludes all of it from Git.

    An existing `.gitignore` is not changed. A folder with another name that is not empty gets no such file, because it
    may be the user's repository.
    """
    home.mkdir(parents=True, exist_ok=True)
    ignore = home / IGNORE_FILE
    is_ours = home.name == HOME or not any(home.iterdir())
    # The folder may belong to another user and be read-only.
    if ignore.exists() or not is_ours or not os.access(home, os.W_OK):
        return
    # Written to a draft and renamed, so that `git add` never finds an empty file.
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
        raise errors.ConfigurationError(
            f"{path} is not valid TOML.", why=f"{error}.", remedy="Correct the file at the named position."
        ) from error
    if table is not None and not isinstance(table, dict):
        raise errors.ConfigurationError(
            f"[tool.tenantry] in {path} is not a table.",
            remedy='Write [tool.tenantry], and services = ["..."] below it.',
        )
    return table


def _make(root: Path, table: dict[str, Any]) -> Project:
    services, source, postgres = table.get("services", []), table.get("source", "."), table.get("postgres", "18")
    strings = isinstance(services, list) and all(isinstance(item, str) and ":" in item for item in services)
    if not strings or not isinstance(source, str) or not isinstance(postgres, str):
        raise errors.ConfigurationError(
            f"[tool.tenantry] in {root / 'pyproject.toml'} is malformed.",
            why="`services` must be a list of `module:attribute`; `source` and `postgres` must be strings.",
            remedy='Write for example: services = ["package.service:service"].',
        )
    return Project(root, tuple(services), source, postgres)
