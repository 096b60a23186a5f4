"""Start the server: prepare data, settings, socket folder and log, then start the supervisor."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Self

from tenantry import errors
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import supervisor
from tenantry.postgres.embedded.account import server_account
from tenantry.postgres.embedded.configuration import OURS, render_settings
from tenantry.postgres.embedded.data_directory import DataDirectory, explain_failure, unusable
from tenantry.postgres.embedded.environment import server_environment
from tenantry.postgres.embedded.layout import Layout
from tenantry.postgres.embedded.lock import FileLock
from tenantry.postgres.embedded.program_copies import find_readable
from tenantry.postgres.embedded.socket_folder import make_socket_folder, remove_left_over
from tenantry.postgres.embedded.state import State

__all__ = ["Launch", "launch"]


class Launch:
    """A running start. The supervisor holds the other end of a pipe, so the pipe's end shows that it has ended."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._near_end, self.far_end = os.pipe()

    def run(self, plan: supervisor.Plan) -> None:
        """Run the supervisor's script, which forks the supervisor and returns at once."""
        script = Path(supervisor.__file__).absolute()
        with unusable(self._layout.root):
            if self._layout.log.exists():
                self._layout.log.replace(self._layout.previous_log)
            with self._layout.log.open("wb") as log:
                done = subprocess.run(
                    [sys.executable, "-I", "-S", script, json.dumps(plan)],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(*plan["kept"], *plan["own"]),
                    check=False,
                )
        self._close_far_end()
        if done.returncode != 0:
            raise self._failure("PostgreSQL's supervisor did not start.", self._layout.root)

    def check(self, seconds: float) -> None:
        """Wait for `seconds`.

        Raises:
            ServerError: the supervisor ended meanwhile, because the server did not start.
        """
        readable, _, _ = select.select([self._near_end], [], [], seconds)
        if readable:
            raise self._failure("PostgreSQL did not start.", self._layout.data)

    def close(self) -> None:
        """Close the pipe; the supervisor keeps running."""
        os.close(self._near_end)
        self._close_far_end()

    def _close_far_end(self) -> None:
        far_end, self.far_end = self.far_end, -1
        if far_end >= 0:
            os.close(far_end)

    def _failure(self, what: str, folder: Path) -> errors.ServerError:
        output = self._layout.log.read_text(encoding="utf-8", errors="replace")
        return explain_failure(what, output, folder, remedy=f"Check the server's log: {self._layout.log}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def launch(layout: Layout, binaries: Binaries, lock: FileLock, *, durable: bool) -> Launch:
    """Prepare the server and start its supervisor, which inherits the lock; the caller then closes its descriptor.

    Raises:
        ServerError: the preparation failed.
    """
    account = server_account(layout.data)
    programs = find_readable(binaries, account)
    directory = DataDirectory(layout, binaries, account)
    directory.prepare(lock=lock.descriptor, durable=durable)
    previous = State.read(layout.state)
    socket_folder = make_socket_folder(previous.socket_folder if previous else None, account)
    data = os.open(layout.data, os.O_RDONLY | os.O_DIRECTORY)
    started = Launch(layout)
    try:
        directory.write(OURS, render_settings(socket_folder, durable=durable))
        started.run(
            supervisor.Plan(
                command=[str(programs / "postgres"), "-D", account.name_of(layout.data, data)],
                environment=server_environment(),
                uid=account.uid,
                gid=account.gid,
                kept=[lock.descriptor, data],
                own=[started.far_end],
                leases=str(layout.leases),
                lock=str(layout.supervisor),
                state=str(layout.state),
                facts={"socket_folder": str(socket_folder), "version": binaries.version, "durable": durable},
                socket_folder=str(socket_folder),
            )
        )
    except BaseException:
        started.close()
        remove_left_over(socket_folder, account)
        raise
    finally:
        os.close(data)
    return started
