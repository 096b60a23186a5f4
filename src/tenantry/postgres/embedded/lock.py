"""Locks on files, which the kernel releases when their process ends in any way (flock(2)).

A lock belongs to the open file, not to the process: a child that inherits the descriptor holds it too. So every process
of a server holds the server's lock, and the next start waits for the last of them.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Self

__all__ = ["FileLock"]

PAUSE = 0.005


class FileLock:
    """An open file to lock; `close` releases the lock.

    It never calls LOCK_UN, which would also release the lock of a child that inherited it.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(path, os.O_RDWR | flags, 0o644)
        except PermissionError:
            # A read-only file can be locked too, so that root and the owner of a project share one server.
            descriptor = os.open(path, os.O_RDONLY | flags, 0o644)
        self._descriptor: int | None = descriptor

    @property
    def descriptor(self) -> int:
        """The open file."""
        if self._descriptor is None:
            raise ValueError("The lock is closed.")
        return self._descriptor

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock without waiting; return False if another process holds it."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, deadline: float, *, shared: bool = False) -> bool:
        """Wait for the lock until `deadline` (of `time.monotonic`); return False if another process still holds it."""
        while not self.take(shared=shared):
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        return True

    def close(self) -> None:
        """Release the lock. A second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_held(path: Path) -> bool:
    """Return True if a process holds the lock exclusively."""
    if not path.exists():
        return False
    with FileLock(path) as lock:
        return not lock.take(shared=True)
