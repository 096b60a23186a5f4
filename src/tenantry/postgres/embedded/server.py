"""The embedded server: lease, status, stop and address."""

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

# Recovery after a crash replays at most about a gigabyte of WAL. The supervisor's time limits add up to less than
# STOP_DEADLINE.
START_DEADLINE = 60.0
STOP_DEADLINE = 40.0


class EmbeddedServer:
    """A PostgreSQL with its data in `folder` and the programs in `binaries`, which runs while a lease exists.

    `durable=False` is for data that a crash of the machine may lose, such as a test's. `home` is the project's folder
    that contains the data, if any; it is created with the data.
    """

    def __init__(
        self,
        folder: Path | str,
        binaries: Binaries,
        durable: bool = True,  # noqa: FBT001, FBT002
        *,
        home: Path | None = None,
    ) -> None:
        # Absolute, because the working directory may change.
        self._layout = Layout(Path(folder).absolute() / str(binaries.major))
        self._binaries = binaries
        self._durable = durable
        self._home = home

    @property
    def kind(self) -> ServerKind:
        """The kind of its programs: the wheel's or the system's."""
        return self._binaries.kind

    @property
    def log(self) -> Path:
        """The file of the server's log; each start begins a new file."""
        return self._layout.log

    def lease(self) -> EmbeddedLease:
        """Start the server if it is not running, and keep it running until the lease is closed or this process ends.

        Raises:
            DataDirectoryUnusable: the folder cannot be written, or contains other files.
            ServerError: the server did not start; `why` has the end of its log.
        """
        deadline = time.monotonic() + START_DEADLINE
        with unusable(self._layout.data):
            if self._home is not None:
                make_home(self._home)
            self._layout.root.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self._layout.leases)
        with contextlib.ExitStack() as stack:
            stack.callback(lock.close)
            # The lock is held exclusively only while a supervisor shuts its server down.
            if not lock.wait(deadline, shared=True):
                raise self._timeout("stop")
            self._ensure_running(deadline)
            stack.pop_all()
        return EmbeddedLease(lock)

    def stop(self) -> None:
        """Stop the server even if leases exist, and return when its last process has ended.

        Raises:
            ServerError: the server did not stop in time.
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
        """Stop the server and delete its data; the next lease creates new data from the template.

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
                        f"The data in {self._layout.data} were not deleted.",
                        why="Another process started the server again meanwhile.",
                        remedy="Stop that process, and call erase() again.",
                    )
                if self._layout.data.exists():
                    shutil.rmtree(self._layout.data)

    def status(self) -> ServerStatus:
        """Return the status; never start the server."""
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
        """Return the address of a database on the server's socket, where every role logs in without a password.

        Raises:
            ServerError: the server was never started.
        """
        state = self._read_state()
        if state is None:
            raise errors.ServerError(
                "The embedded PostgreSQL has no address yet.",
                why="It was never started.",
                remedy="Start it with `tenantry up`, or with lease() from Python.",
            )
        return _address(state, database, user)

    def _remove_left_over(self) -> None:
        """Remove the socket folder that a killed supervisor left."""
        last = self._read_state()
        if last is not None and last.socket_folder.exists():
            with unusable(self._layout.root), FileLock(self._layout.server) as lock:
                if lock.take():
                    remove_left_over(last.socket_folder, server_account(self._layout.data))

    def _running(self) -> State | None:
        """Return the state if a supervisor is running."""
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
            # The server now holds the lock. If this process kept it too, no process could see the server's end.
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
                "The running server may lose data in a crash of the machine.",
                why="It was started for tests, with durable=False.",
                remedy="Stop it with `tenantry down`, then start it again.",
            )

    def _timeout(self, verb: str) -> errors.ServerError:
        return errors.ServerError(
            f"The PostgreSQL on {self._layout.data} did not {verb} within the time limit.",
            remedy=f"Check the server's log: {self._layout.log}",
        )


def _address(state: State, database: str | None = None, user: str | None = None) -> Address:
    # TLS does not apply to a socket; the mode of its folder keeps other users out.
    return Address(hosts=(state.host,), database=database or SUPERUSER, user=user or SUPERUSER, tls=TLS(mode="disable"))
