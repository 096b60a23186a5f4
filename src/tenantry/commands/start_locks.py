"""The locks between processes that prepare the services of one project on its embedded server.

The invariants: one process at a time makes a service's database and inserts its demonstration rows, so a `seed` may
look first and insert then. No database is dropped between its making and the moment when its service accepts requests.

The locks are on files of the project's folder, so the kernel gives them back when their holder ends in whatever way.
Each process takes them in the order of the methods below, so that no two wait for each other. On a server that others
run, nothing is locked: nothing is dropped or inserted there, and each step of `prepare` may run in several processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tenantry import errors
from tenantry.migrations.target import LOCK_WAIT
from tenantry.postgres.embedded.lock import FileLock
from tenantry.project import Project, make_home
from tenantry.service import Service

__all__ = ["StartLocks"]


class StartLocks:
    """The locks of one process; `tell` hears that it has to wait. Without the embedded server nothing is locked."""

    def __init__(self, project: Project, tell: Callable[[str], None], *, is_embedded: bool) -> None:
        self._home = project.home
        self._tell = tell
        self._is_embedded = is_embedded

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Exclude every process that starts, in order to drop databases."""
        with self._held("start.lock", "another process is starting", shared=False):
            yield

    @contextmanager
    def starting(self) -> Iterator[Callable[[], None]]:
        """Exclude processes that drop databases, until the function is called that this yields, or the block ends."""
        with self._held("start.lock", "another process is dropping databases", shared=True) as release:
            yield release

    @contextmanager
    def preparing(self, service: Service) -> Iterator[None]:
        """Exclude other processes that prepare the service or insert its rows."""
        with self._held(f"prepare-{service.name}.lock", f"another process prepares {service.name}", shared=False):
            yield

    @contextmanager
    def _held(self, name: str, holder: str, *, shared: bool) -> Iterator[Callable[[], None]]:
        if not self._is_embedded:
            yield lambda: None
            return
        with _open(self._home, name) as lock:
            if not lock.take(shared=shared):
                self._tell(f"waiting, because {holder}")
                if not lock.wait(time.monotonic() + LOCK_WAIT, shared=shared):
                    raise errors.ServerError(
                        f"The start was given up after {LOCK_WAIT:g} s, because {holder}.",
                        why=f"It holds the lock on {self._home / name}.",
                        remedy="Wait for it, or end it.",
                    )
            yield lock.close


def _open(home: Path, name: str) -> FileLock:
    make_home(home)
    return FileLock(home / name)
