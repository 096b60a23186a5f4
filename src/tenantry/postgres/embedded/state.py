"""What the supervisor wrote about its server, for all who did not start it themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tenantry.address import Host

__all__ = ["State"]


@dataclass(frozen=True, slots=True)
class State:
    """One run of a server; true only while the supervisor's lock is held, but the socket's folder is kept in mind."""

    supervisor: int
    postmaster: int
    socket_folder: Path
    version: str
    durable: bool

    @property
    def host(self) -> Host:
        """Where the server listens."""
        return Host(str(self.socket_folder))

    @classmethod
    def read(cls, path: Path) -> State | None:
        """Return what the file says; None if there is none, or none that we wrote."""
        try:
            words = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                supervisor=int(words["supervisor"]),
                postmaster=int(words["postmaster"]),
                socket_folder=Path(words["socket_folder"]),
                version=str(words["version"]),
                durable=bool(words["durable"]),
            )
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            return None
