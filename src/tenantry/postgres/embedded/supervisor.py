"""The process that runs one PostgreSQL and stops it when nobody needs it any more.

The invariant: whoever is killed, nothing stays behind. The last lease going, also by `kill -9`, gives us the lock that
we wait for; our own death makes the kernel send the postmaster a signal to shut down; after the postmaster's death we
end the processes that it left.

It runs as a script of its own, with the standard library alone (`python -I -S`), so that it starts in a few
milliseconds and does not depend on what else is installed. `launch` writes its plan.
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

# Smart shutdown would wait for the clients, whose leases are gone. Fast tells them to go and writes a checkpoint,
# immediate leaves that to the next start's recovery (manual, 18.5); the last one is for a postmaster that is frozen.
SHUTDOWN = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

ORPHANS_DEADLINE = 10.0
PAUSE = 0.01

LEASES_GONE = signal.SIGUSR1
WATCHED = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, LEASES_GONE}

# From linux/prctl.h.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


class Plan(TypedDict):
    """What to run, and where to leave word of it. `uid` and `gid` are None where the server runs as we do.

    `kept` are descriptors for the server, `own` those that must not reach it.
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
    """The server's first process, our child."""

    def __init__(self, plan: Plan) -> None:
        supervisor = os.getpid()
        self._ended = False
        self.pid = os.fork()
        if self.pid == 0:
            _become_postmaster(plan, supervisor)

    def has_ended(self) -> bool:
        """Tell whether it is gone, and bury it if so."""
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._ended

    def stop(self) -> None:
        """Shut it down, the harder the longer it takes."""
        for number, seconds in SHUTDOWN:
            if self.has_ended():
                return
            os.kill(self.pid, number)
            deadline = time.monotonic() + seconds
            while not self.has_ended() and time.monotonic() < deadline:
                time.sleep(PAUSE)


def main() -> None:
    """Leave the caller, who need not wait for us, and supervise."""
    plan: Plan = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    # An ignored SIGCHLD, which a caller may have left us, would bury the postmaster before we ask for it.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # Waited for by `sigwait`, one at a time, so that none can arrive in the middle of something.
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    for descriptor in plan["own"]:
        os.set_inheritable(descriptor, False)
    try:
        _supervise(plan)
    finally:
        shutil.rmtree(plan["socket_folder"], ignore_errors=True)
    # Not through the interpreter's own end, which would wait for the thread that may still wait for its lock.
    os._exit(0)


def _supervise(plan: Plan) -> None:
    """Run the server until there is a reason to stop it, and until it has stopped."""
    _control_process(PR_SET_CHILD_SUBREAPER, 1)
    postmaster = Postmaster(plan)
    _write_state(plan, postmaster.pid)
    # Order matters: whoever finds the lock held believes the state, which was the last run's until now.
    fcntl.flock(os.open(plan["lock"], os.O_RDONLY | os.O_CREAT, 0o644), fcntl.LOCK_EX)
    threading.Thread(target=_await_last_lease, args=(plan["leases"],), daemon=True).start()
    _await_reason_to_stop(postmaster)
    postmaster.stop()
    _end_orphans()


def _become_postmaster(plan: Plan, supervisor: int) -> None:
    """Change this new process into the server; never returns."""
    try:
        os.umask(0o077)
        # Python would only make a note of it, and the note would be lost with the program.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if plan["uid"] is not None and plan["gid"] is not None:
            os.setgroups([])
            os.setgid(plan["gid"])
            os.setuid(plan["uid"])
        # After the change of user, which forgets it; and before we look whether the supervisor is there to die.
        _control_process(PR_SET_PDEATHSIG, signal.SIGINT)
        if os.getppid() != supervisor:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
        for descriptor in plan["kept"]:
            os.set_inheritable(descriptor, True)
        os.execve(plan["command"][0], plan["command"], plan["environment"])  # noqa: S606  # no shell is wanted.
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
    """Wait until nobody shares the lock any more, then keep it, so that new leases wait for our end."""
    fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX)
    os.kill(os.getpid(), LEASES_GONE)


def _await_reason_to_stop(postmaster: Postmaster) -> None:
    # A postmaster that is merely frozen or thawed sends SIGCHLD as well.
    while signal.sigwait(WATCHED) == signal.SIGCHLD and not postmaster.has_ended():
        pass


def _end_orphans() -> None:
    """End what a killed postmaster left; a backend deep in a calculation would not notice for a long time.

    As their subreaper we inherited them (prctl(2)). Killing them loses nothing: recovery is due anyway.
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
    """Call prctl(2), which Python has no function for; elsewhere than on Linux there is nothing like it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), 0, 0, 0)


if __name__ == "__main__":
    main()
