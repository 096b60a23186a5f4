"""The state file, in which the supervisor describes its server for other processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tenantry.address import Host

__all__ = ["State"]


@dataclass(frozen=True, slots=True)
class State:
    """One run of a server. It is valid while the supervisor's lock is held; the next start reuses the socket folder."""

    supervisor: int
    postmaster: int
    socket_folder: Path
    version: str
    durable: bool

    @property
    def host(self) -> Host:
        """The socket on which the server listens."""
        return Host(str(self.socket_folder))

    @classmethod
    def read(cls, path: Path) -> State | None:
        """Read the file; return None if it does not exist or is not valid."""
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
