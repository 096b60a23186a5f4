"""Locks on files, which the kernel gives back when their holder ends in whatever way (flock(2)).

A lock belongs to the open file, not to the process: a child that inherits the descriptor holds it too. That is how
every process of a server holds the server's lock, and the next start waits for the last of them.
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
    """One file that is open in order to be locked; closing it gives the lock back.

    Never unlocked by name: that would take the lock from a child that inherited it as well.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_CREAT | os.O_CLOEXEC
        try:
            descriptor = os.open(path, os.O_RDWR | flags, 0o644)
        except PermissionError:
            # Another user's file can be locked all the same, so that root and the owner of a project share one server.
            descriptor = os.open(path, os.O_RDONLY | flags, 0o644)
        self._descriptor: int | None = descriptor

    @property
    def descriptor(self) -> int:
        """The open file."""
        if self._descriptor is None:
            raise ValueError("The lock was given back.")
        return self._descriptor

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock if nobody holds it in a way that excludes us; say whether it was taken."""
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        try:
            fcntl.flock(self.descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def wait(self, deadline: float, *, shared: bool = False) -> bool:
        """Take the lock before `deadline` (of `time.monotonic`); say whether it was taken."""
        while not self.take(shared=shared):
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE)
        return True

    def close(self) -> None:
        """Give the lock back; harmless when done twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def is_held(path: Path) -> bool:
    """Tell whether somebody holds the lock alone."""
    if not path.exists():
        return False
    with FileLock(path) as lock:
        return not lock.take(shared=True)
