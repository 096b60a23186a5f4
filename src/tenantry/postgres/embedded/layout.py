"""The files of one embedded server: `<folder>/<major>/`, so that each major version has its own folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The files and folders under one root."""

    root: Path

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.root / "data"

    @property
    def log(self) -> Path:
        """The server's log since its last start."""
        return self.root / "server.log"

    @property
    def previous_log(self) -> Path:
        """The server's log before its last start."""
        return self.root / "server.log.previous"

    @property
    def state(self) -> Path:
        """The state file of the supervisor's current or last server."""
        return self.root / "state.json"

    @property
    def leases(self) -> Path:
        """The lock file of leases: processes that need the server share it, a supervisor that stops takes it alone."""
        return self.root / "leases.lock"

    @property
    def server(self) -> Path:
        """The lock file of the server: its starter locks it exclusively, then each of its processes holds the lock."""
        return self.root / "server.lock"

    @property
    def supervisor(self) -> Path:
        """The lock file of the supervisor. While it is locked, the state file is valid."""
        return self.root / "supervisor.lock"

    def template(self, recipe: str) -> Path:
        """The template that data directories are copied from; each recipe has its own template."""
        return self.root / f"template-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """Folders that a killed process left incomplete."""
        return tuple(self.root.glob(f"{UNFINISHED}*"))


UNFINISHED = "unfinished-"
