"""The embedded server as the rest of the house sees it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from tenantry import errors
from tenantry.address import TLS, Address
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded.account import server_account
from tenantry.postgres.embedded.data_directory import unusable
from tenantry.postgres.embedded.launch import launch
from tenantry.postgres.embedded.layout import Layout
from tenantry.postgres.embedded.lease import EmbeddedLease
from tenantry.postgres.embedded.lock import PAUSE, FileLock, is_held
from tenantry.postgres.embedded.socket_folder import remove_left_over
from tenantry.postgres.embedded.state import State
from tenantry.postgres.handshake import Answer, ask
from tenantry.postgres.server import ServerKind, ServerStatus
from tenantry.project import make_home

__all__ = ["EmbeddedServer"]

SUPERUSER = "postgres"

# Recovery after a crash replays at most about a gigabyte of log; stopping is bounded by the supervisor's own steps.
START_DEADLINE = 60.0
STOP_DEADLINE = 40.0


class EmbeddedServer:
    """A PostgreSQL with its data in `folder`, run by `binaries`, as long as anybody holds a lease.

    `durable=False` is for data that may be lost with a crash of the machine, such as a test's. `home` is the project's
    folder that the data lie in, where they lie in one; it is made with the data.
    """

    def __init__(
        self,
        folder: Path | str,
        binaries: Binaries,
        durable: bool = True,  # noqa: FBT001, FBT002
        *,
        home: Path | None = None,
    ) -> None:
        # Absolute at once, because the working directory may change.
        self._layout = Layout(Path(folder).absolute() / str(binaries.major))
        self._binaries = binaries
        self._durable = durable
        self._home = home

    @property
    def kind(self) -> ServerKind:
        """Whose programs it runs: the wheel's or the system's."""
        return self._binaries.kind

    @property
    def log(self) -> Path:
        """The file that the server writes its log to; a new one at each start."""
        return self._layout.log

    def lease(self) -> EmbeddedLease:
        """Start the server unless it is up, and keep it up until the lease is closed or this process ends.

        Raises:
            DataDirectoryUnusable: the folder cannot be written, or holds something else.
            ServerError: the server did not start; the end of its log says why.
        """
        deadline = time.monotonic() + START_DEADLINE
        with unusable(self._layout.data):
            if self._home is not None:
                make_home(self._home)
            self._layout.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._layout.leases)
        with contextlib.ExitStack() as stack:
            stack.callback(lock.close)
            # Refused only while a supervisor shuts its server down.
            if not lock.wait(deadline, shared=True):
                raise self._timeout("stop")
            self._ensure_running(deadline)
            stack.pop_all()
        return EmbeddedLease(lock)

    def stop(self) -> None:
        """Stop the server even if leases are held, and return when its last process is gone.

        Raises:
            ServerError: it did not stop in time.
        """
        deadline = time.monotonic() + STOP_DEADLINE
        asked = 0
        while is_held(self._layout.server):
            state = self._running()
            if state is not None and state.supervisor != asked:
                asked = state.supervisor
                with contextlib.suppress(ProcessLookupError):
                    os.kill(asked, signal.SIGTERM)
            if time.monotonic() >= deadline:
                raise self._timeout("stop")
            time.sleep(PAUSE)
        self._remove_left_over()

    def erase(self) -> None:
        """Stop the server and remove its data for good; the next lease makes new ones from the template.

        Raises:
            ServerError: the server did not stop in time, or another process started it again.
        """
        self.stop()
        with unusable(self._layout.data):
            if not self._layout.root.is_dir():
                return
            with FileLock(self._layout.server) as lock:
                if not lock.take():
                    raise errors.ServerError(
                        "The data were not removed.", why="Another process started the server again meanwhile."
                    )
                if self._layout.data.exists():
                    shutil.rmtree(self._layout.data)

    def status(self) -> ServerStatus:
        """Say how the server is, and start nothing."""
        running = self._running()
        last = running or self._read_state()
        return ServerStatus(
            kind=self.kind,
            running=running is not None and ask(running.host) is Answer.READY,
            version=running.version if running else self._binaries.version,
            pid=running.postmaster if running else None,
            data_directory=self._layout.data,
            address=_address(last) if last else None,
        )

    def address(self, database: str | None = None, user: str | None = None) -> Address:
        """Return where a database is: on the server's socket, where every role logs in without a password.

        Raises:
            ServerError: the server was never started.
        """
        state = self._read_state()
        if state is None:
            raise errors.ServerError(
                "The embedded PostgreSQL has no address yet.", why="It was never started.", remedy="Take a lease first."
            )
        return _address(state, database, user)

    def _remove_left_over(self) -> None:
        """Remove the socket's folder that a killed supervisor could not remove."""
        last = self._read_state()
        if last is not None and last.socket_folder.exists():
            with unusable(self._layout.root), FileLock(self._layout.server) as lock:
                if lock.take():
                    remove_left_over(last.socket_folder, server_account(self._layout.data))

    def _running(self) -> State | None:
        """Return the state if a supervisor stands behind it."""
        with unusable(self._layout.root):
            return self._read_state() if is_held(self._layout.supervisor) else None

    def _read_state(self) -> State | None:
        with unusable(self._layout.root):
            return State.read(self._layout.state)

    def _ensure_running(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            state = self._running()
            if state is not None and ask(state.host) is Answer.READY:
                return self._check_durable(state)
            with unusable(self._layout.root), FileLock(self._layout.server) as lock:
                if lock.take():
                    return self._start(lock, deadline)
            time.sleep(PAUSE)
        raise self._timeout("start")

    def _start(self, lock: FileLock, deadline: float) -> None:
        with launch(self._layout, self._binaries, lock, durable=self._durable) as started:
            # From here on the lock is the server's. Kept here, it would hide the server's end from everybody.
            lock.close()
            while time.monotonic() < deadline:
                state = self._running()
                if state is not None and ask(state.host) is Answer.READY:
                    return
                started.check(PAUSE)
        raise self._timeout("start")

    def _check_durable(self, state: State) -> None:
        if self._durable and not state.durable:
            raise errors.ServerError(
                "The server that is running may lose data in a crash of the machine.",
                why="It was started for tests, with durability off.",
                remedy="Stop it, then start again.",
            )

    def _timeout(self, verb: str) -> errors.ServerError:
        return errors.ServerError(
            f"PostgreSQL did not {verb} in time.",
            why=f"Its data folder is {self._layout.data}.",
            remedy=f"Look at its log: {self._layout.log}.",
        )


def _address(state: State, database: str | None = None, user: str | None = None) -> Address:
    # The socket's folder keeps strangers out, and TLS does not apply there.
    return Address(hosts=(state.host,), database=database or SUPERUSER, user=user or SUPERUSER, tls=TLS(mode="disable"))
