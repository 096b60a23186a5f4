"""The process that runs one PostgreSQL and stops it when no process needs it.

The invariant: after the kill of any process, no other process stays. When the last lease ends, also by `kill -9`, the
supervisor gets the lock that it waits for. If the supervisor dies, the kernel sends the postmaster a signal to shut
down. If the postmaster dies, the supervisor ends its remaining processes.

It runs as a separate script, with only the standard library (`python -I -S`). So it starts in a few milliseconds and
does not depend on installed packages. `launch` writes its plan.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TypedDict

__all__ = ["Plan"]

# A smart shutdown would wait for the clients, whose leases have ended. A fast shutdown disconnects them and writes a
# checkpoint. An immediate shutdown leaves recovery to the next start (manual, 18.5). SIGKILL is for a frozen
# postmaster.
SHUTDOWN = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

ORPHANS_DEADLINE = 10.0
PAUSE = 0.01

LEASES_GONE = signal.SIGUSR1
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, LEASES_GONE}

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Plan(TypedDict):
    """The command to run, and the files for its state. `uid` and `gid` are None if the server runs as this user.

    The server inherits the descriptors in `kept`, and not those in `own`.
    """

    command: list[str]
    environment: dict[str, str]
    uid: int | None
    gid: int | None
    kept: list[int]
    own: list[int]
    leases: str
    lock: str
    state: str
    facts: dict[str, str | bool]
    socket_folder: str


class Postmaster:
    """The server's first process, a child of the supervisor."""

    def __init__(self, plan: Plan) -> None:
        supervisor = os.getpid()
        self._ended = False
        self.pid = os.fork()
        if self.pid == 0:
            _become_postmaster(plan, supervisor)

    def has_ended(self) -> bool:
        """Return True if it has ended, and reap it."""
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._ended

    def stop(self) -> None:
        """Shut it down, with a stronger signal after each time limit."""
        for number, seconds in SHUTDOWN:
            if self.has_ended():
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + seconds
            while not self.has_ended() and time.monotonic() < deadline:
                time.sleep(PAUSE)


def main() -> None:
    """Fork, so that the caller need not wait, and supervise."""
    plan: Plan = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    # With an ignored SIGCHLD, which a caller may pass on, the kernel would reap the postmaster before `waitpid`.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Blocked, because `sigwait` waits for them one at a time. So no signal interrupts another step.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    for descriptor in plan["own"]:
        os.set_inheritable(descriptor, False)
    try:
        _supervise(plan)
    finally:
        shutil.rmtree(plan["socket_folder"], ignore_errors=True)
    # Not by a normal exit, which would wait for the thread that may still wait for its lock.
    os._exit(0)


def _supervise(plan: Plan) -> None:
    """Run the server, wait for a reason to stop it, and stop it."""
    _control_process(PR_SET_CHILD_SUBREAPER, 1)
    postmaster = Postmaster(plan)
    _write_state(plan, postmaster.pid)
    # Order matters: a process that finds the lock held reads the state, which must not be the last run's.
    fcntl.flock(os.open(plan["lock"], os.O_RDONLY | os.O_CREAT, 0o644), fcntl.LOCK_EX)
    threading.Thread(target=_await_last_lease, args=(plan["leases"],), daemon=True).start()
    _await_reason_to_stop(postmaster)
    postmaster.stop()
    _end_orphans()


def _become_postmaster(plan: Plan, supervisor: int) -> None:
    """Turn this new process into the server; never return."""
    try:
        os.umask(0o077)
        # Python's handler only sets a flag, and execve would lose that flag.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if plan["uid"] is not None and plan["gid"] is not None:
            os.setgroups([])
            os.setgid(plan["gid"])
            os.setuid(plan["uid"])
        # After the change of user, which clears this option, and before the check that the supervisor still runs.
        _control_process(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != supervisor:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        for descriptor in plan["kept"]:
            os.set_inheritable(descriptor, True)
        os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606  # without a shell
    except OSError as error:
        os.write(2, f"{plan['command'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _write_state(plan: Plan, postmaster: int) -> None:
    facts = plan["facts"] | {"supervisor": os.getpid(), "postmaster": postmaster}
    draft = Path(plan["state"] + ".new")
    draft.write_text(json.dumps(facts), encoding="utf-8")
    draft.replace(plan["state"])


def _await_last_lease(path: str) -> None:
    """Wait until no process shares the lock, then keep it, so that new leases wait for the end of this process."""
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
    os.kill(os.getpid(), LEASES_GONE)


def _await_reason_to_stop(postmaster: Postmaster) -> None:
    # A stopped or continued postmaster causes SIGCHLD too.
    while signal.sigwait(WATCHED) == signal.SIGCHLD and not postmaster.has_ended():
        pass


def _end_orphans() -> None:
    """End the processes of a killed postmaster; a backend in a long calculation would not notice its end soon.

    They are children of this process, because it is their subreaper (prctl(2)). Killing them loses no data, because the
    next start runs recovery anyway.
    """
    deadline = time.monotonic() + ORPHANS_DEADLINE
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        with contextlib.suppress(OSError):
            for child in children.read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGKILL)
        time.sleep(PAUSE)


def _control_process(option: int, argument: int) -> None:
    """Call prctl(2), for which Python has no function; other systems than Linux do not have it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), 0, 0, 0)


if __name__ == "__main__":
    main()
