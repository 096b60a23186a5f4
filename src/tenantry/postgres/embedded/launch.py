"""One start of the server: data, settings, socket's folder and log are prepared, then the supervisor takes over."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Self

from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import supervisor
from tenantry.postgres.embedded.account import server_account
from tenantry.postgres.embedded.configuration import OURS, render_settings
from tenantry.postgres.embedded.data_directory import DataDirectory, explain_failure, unusable
from tenantry.postgres.embedded.environment import server_environment
from tenantry.postgres.embedded.layout import Layout
from tenantry.postgres.embedded.lock import FileLock
from tenantry.postgres.embedded.readable import find_readable
from tenantry.postgres.embedded.socket_folder import make_socket_folder, remove_left_over
from tenantry.postgres.embedded.state import State

__all__ = ["Launch", "launch"]


class Launch:
    """A start under way: the supervisor lives for as long as it holds the other end of our pipe."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._near_end, self.far_end = os.pipe()

    def run(self, plan: supervisor.Plan) -> None:
        """Run the supervisor's script, which leaves its own child behind and ends at once."""
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
            raise explain_failure("PostgreSQL's supervisor did not start.", self._read_log(), self._layout.root)

    def check(self, seconds: float) -> None:
        """Wait for a moment.

        Raises:
            ServerError: the supervisor ended meanwhile, because the server did not start.
        """
        readable, _, _ = select.select([self._near_end], [], [], seconds)
        if readable:
            raise explain_failure("PostgreSQL did not start.", self._read_log(), self._layout.data)

    def close(self) -> None:
        """Stop listening to the supervisor, which goes on."""
        os.close(self._near_end)
        self._close_far_end()

    def _close_far_end(self) -> None:
        far_end, self.far_end = self.far_end, -1
        if far_end >= 0:
            os.close(far_end)

    def _read_log(self) -> str:
        return self._layout.log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def launch(layout: Layout, binaries: Binaries, lock: FileLock, *, durable: bool) -> Launch:
    """Prepare the server and start its supervisor, which gets the lock; the caller closes its own.

    Raises:
        ServerError: something could not be prepared.
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
