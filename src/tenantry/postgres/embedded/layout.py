"""Where everything of one embedded server lies: `<folder>/<major>/`, so that two major versions never meet."""

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
        """What the server wrote since its last start."""
        return self.root / "server.log"

    @property
    def previous_log(self) -> Path:
        """What it wrote before."""
        return self.root / "server.log.previous"

    @property
    def state(self) -> Path:
        """What the supervisor tells about the server that it runs, or ran last."""
        return self.root / "state.json"

    @property
    def leases(self) -> Path:
        """Locked together by all who need the server, and alone by a supervisor that stops it."""
        return self.root / "leases.lock"

    @property
    def server(self) -> Path:
        """Locked alone by whoever starts the server, and then by each of its processes."""
        return self.root / "server.lock"

    @property
    def supervisor(self) -> Path:
        """Locked alone by the supervisor: while it is, what the state says is true."""
        return self.root / "supervisor.lock"

    def template(self, recipe: str) -> Path:
        """The untouched data directory that new ones are copied from; another recipe is another template."""
        return self.root / f"template-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"

    @property
    def unfinished(self) -> tuple[Path, ...]:
        """Folders that somebody began to fill and was killed."""
        return tuple(self.root.glob(f"{UNFINISHED}*"))


UNFINISHED = "unfinished-"
