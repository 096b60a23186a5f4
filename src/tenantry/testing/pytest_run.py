"""One run of pytest, in one or many processes: its number, its folder and its end.

The invariant: nothing is left after the run, however it ends. The process that began the run ends it. It stops the
server and removes the folder; on a user's own server it drops the databases and logins with the run's number. If that
process is killed, the kernel releases its lock, and the next run removes what it left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from tenantry import errors
from tenantry.testing.options import choose_server

if TYPE_CHECKING:
    from tenantry.postgres.server import Server

__all__ = ["RUN", "Run", "pytest_configure", "pytest_configure_node", "pytest_unconfigure"]

PREFIX = "tenantry-tests-"
LOCK = "run.lock"
USED = "used"
TOLD = "tenantry"

# Bytes for a template, the data and a few hundred small databases.
ENOUGH = 2 << 30


class Run:
    """The run as one of its processes sees it.

    `number` is part of the name of each database and login that the run creates on a server. All processes of the run
    derive the same passwords and keys from `secret`.
    """

    def __init__(self, number: int, secret: str, folder: Path | None = None) -> None:
        self.number = number
        self.secret = secret
        self._folder = folder
        self._lock: int | None = None

    @classmethod
    def begin(cls) -> Self:
        """Return a new run. It has no folder until one is needed."""
        return cls(secrets.randbelow(1 << 31), secrets.token_hex(16))

    @classmethod
    def join(cls, told: Mapping[str, Any]) -> Self:
        """Return the run that another process began."""
        return cls(told["number"], told["secret"], Path(told["folder"]))

    def tell(self) -> dict[str, Any]:
        """Return what another process needs to join the run."""
        return {"number": self.number, "secret": self.secret, "folder": str(self.folder)}

    @property
    def folder(self) -> Path:
        """The run's folder, which only this user may enter. The first use makes it."""
        if self._folder is None:
            place = _fast_place()
            _remove_abandoned(place)
            # It gets its real name after it is locked: another run may be removing unlocked folders at this moment.
            draft = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}", dir=place))
            self._lock = _take(draft / LOCK)
            self._folder = draft.rename(place / draft.name.removeprefix("new-"))
        return self._folder

    def use_server(self, config: pytest.Config) -> Server:
        """Return the server of the run, and note in the folder that the end of the run must clean it."""
        (self.folder / USED).touch()
        return choose_server(config, self.folder)

    def end(self, config: pytest.Config) -> None:
        """Clean the server and remove the folder, if this process began the run."""
        if self._lock is not None and self._folder is not None:
            if (self._folder / USED).exists():
                _tidy(config, self)
            shutil.rmtree(self._folder)
            os.close(self._lock)
            self._folder = self._lock = None


RUN = pytest.StashKey[Run]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin a run, or join the run of which this process is a worker."""
    config.addinivalue_line("markers", "tenantry(service): the service whose database the test gets")
    told = getattr(config, "workerinput", {}).get(TOLD)
    config.stash[RUN] = Run.join(told) if told else Run.begin()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist its run."""
    node.workerinput[TOLD] = node.config.stash[RUN].tell()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run. Its workers have ended before, or crashed."""
    run = config.stash.get(RUN, None)
    if run is not None:
        run.end(config)


def _tidy(config: pytest.Config, run: Run) -> None:
    from tenantry.testing.leftovers import remove_leftovers  # noqa: PLC0415  # It takes long to import.

    # The test that needed the server has reported what is wrong with it.
    with contextlib.suppress(errors.TenantryError):
        server = choose_server(config, run.folder)
        if server.kind == "remote":
            remove_leftovers(server.address(), run.number)
        else:
            server.stop()


def _fast_place() -> Path:
    """Return a folder in memory if it has enough room, else the folder for temporary files."""
    memory = Path("/dev/shm")  # noqa: S108  # The folder in it is made by mkdtemp.
    if os.access(memory, os.W_OK):
        room = os.statvfs(memory)
        if room.f_bavail * room.f_frsize > ENOUGH:
            return memory
    return Path(tempfile.gettempdir())


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of runs that were killed. The server of such a run stops when its last worker ends."""
    for folder in place.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            lock = _take(folder / LOCK)
            if lock is not None:
                if not _is_served(folder):
                    shutil.rmtree(folder)
                os.close(lock)


def _is_served(folder: Path) -> bool:
    from tenantry.postgres.embedded.layout import Layout  # noqa: PLC0415
    from tenantry.postgres.embedded.lock import is_held  # noqa: PLC0415

    return any(is_held(Layout(root).server) for root in folder.glob("*/*"))


def _take(path: Path) -> int | None:
    """Return the open file, or None if another process holds its lock."""
    # The module exists on Unix only, and the plugin must load everywhere.
    import fcntl  # noqa: PLC0415

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
