"""The locks between processes that prepare the services of one project on its embedded server.

The invariants: one process at a time creates a service's database and inserts its demonstration rows, so a `seed` may
check first and then insert. No process drops a database between its creation and the moment when its service accepts
requests.

The locks are on files in the project's folder, so the kernel releases them when a process ends in any way. Each process
takes them in the order of the methods below, which prevents deadlocks. On another server nothing is locked: nothing is
dropped or inserted there, and each step of `prepare` may run in several processes.
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
    """The locks of one process; it calls `tell` when it has to wait. Without the embedded server it locks nothing."""

    def __init__(self, project: Project, tell: Callable[[str], None], *, is_embedded: bool) -> None:
        self._home = project.home
        self._tell = tell
        self._is_embedded = is_embedded

    @contextmanager
    def dropping(self) -> Iterator[None]:
        """Exclude every process that starts, so that databases can be dropped."""
        with self._held("start.lock", "another process is starting", shared=False):
            yield

    @contextmanager
    def starting(self) -> Iterator[Callable[[], None]]:
        """Exclude processes that drop databases, until the yielded function is called or the block ends."""
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
                        f"The start did not begin within {LOCK_WAIT:g} s, because {holder}.",
                        why=f"The other process holds the lock on {self._home / name}.",
                        remedy="Wait until that process ends, or stop it, and run the command again.",
                    )
            yield lock.close


def _open(home: Path, name: str) -> FileLock:
    make_home(home)
    return FileLock(home / name)
