"""Whatever is killed, nothing stays behind, and the next lease finds the data."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from lease_holder import LeaseHolder, as_user, kill, processes_below, supervisors_of, wait_until

from tenantry.address import Address
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer

Start = Callable[..., EmbeddedServer]
Ask = Callable[[Address, str], str]


def is_gone(folder: Path) -> bool:
    return not processes_below(folder) and not supervisors_of(folder)


def test_a_killed_holder_leaves_no_server(start: Start, home: Path, binaries: Binaries) -> None:
    """The kernel gives its lease back, within two seconds nothing runs, and the socket's folder is removed."""
    with LeaseHolder(home, binaries) as holder:
        assert holder.wait() == "held"
        folder = Path(start().address().hosts[0].name)
        assert not is_gone(home)
        assert folder.exists()
        holder.kill()
        assert wait_until(lambda: is_gone(home), 2)
    assert not folder.exists()


def test_a_killed_holder_does_not_end_the_server_of_another(start: Start, home: Path, binaries: Binaries) -> None:
    with LeaseHolder(home, binaries) as holder:
        assert holder.wait() == "held"
        with start().lease():
            pid = start().status().pid
            holder.kill()
            assert not wait_until(lambda: start().status().pid != pid, 0.5)
            assert start().status().running


def test_the_next_lease_recovers_from_a_killed_postmaster(start: Start, ask: Ask, home: Path) -> None:
    """What was committed is there, although nobody wrote a checkpoint; the first holder's address works again."""
    server = start()
    with server.lease():
        address = server.address()
        ask(address, "CREATE TABLE kept AS SELECT 42 AS number")
        first = server.status().pid
        assert first is not None
        kill(first)
        with server.lease():
            assert server.status().pid != first
            assert ask(address, "SELECT number FROM kept") == "42"
    assert wait_until(lambda: is_gone(home), 2)


def test_a_busy_backend_does_not_outlive_its_postmaster(start: Start, ask: Ask, home: Path) -> None:
    """A backend deep in a calculation does not look up; it would keep the data for itself, and the next start out."""
    server = start()
    with server.lease():
        address = server.address()
        # Long, but not for ever, should nobody end it.
        busy = "SELECT count(*) FROM generate_series(1, 300000000)"
        with subprocess.Popen(
            [Binaries.wheel().path("psql"), "--no-psqlrc", "--command", busy],
            env=address.libpq_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as client:
            active = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
            assert wait_until(lambda: ask(address, active) == "2", 5)
            pid = server.status().pid
            assert pid is not None
            kill(pid)
            is_alone = wait_until(lambda: is_gone(home), 2)
            client.kill()
    assert is_alone


def test_the_next_lease_recovers_from_a_killed_supervisor(start: Start, ask: Ask, home: Path) -> None:
    """The postmaster is told of its supervisor's death and shuts down; the next lease waits for it."""
    server = start()
    with server.lease():
        address = server.address()
        ask(address, "CREATE TABLE kept AS SELECT 42 AS number")
        (supervisor,) = supervisors_of(home)
        kill(supervisor)
        with server.lease():
            assert ask(address, "SELECT number FROM kept") == "42"


def test_a_killed_supervisor_leaves_no_server(start: Start, home: Path) -> None:
    server = start()
    with server.lease():
        (supervisor,) = supervisors_of(home)
        kill(supervisor)
        assert wait_until(lambda: is_gone(home), 2)
        assert not server.status().running


def test_the_next_lease_recovers_when_both_are_killed(start: Start, ask: Ask, home: Path) -> None:
    server = start()
    with server.lease():
        address = server.address()
        ask(address, "CREATE TABLE kept AS SELECT 42 AS number")
        pid = server.status().pid
        assert pid is not None
        (supervisor,) = supervisors_of(home)
        kill(supervisor)
        kill(pid)
        with server.lease():
            assert ask(address, "SELECT number FROM kept") == "42"


def test_a_postmaster_that_is_frozen_and_thawed_goes_on(start: Start) -> None:
    """The supervisor hears of both, and must not take them for its end."""
    server = start()
    with server.lease():
        pid = server.status().pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        assert not server.status().running
        os.kill(pid, signal.SIGCONT)
        assert wait_until(lambda: server.status().running, 2)
        assert server.status().pid == pid


def test_stopping_after_a_killed_supervisor_removes_the_sockets_folder(start: Start, home: Path) -> None:
    server = start()
    with server.lease():
        folder = Path(server.address().hosts[0].name)
        (supervisor,) = supervisors_of(home)
        kill(supervisor)
        server.stop()
    assert not folder.exists()


def test_a_number_in_use_by_a_stranger_does_not_block_the_start(start: Start, ask: Ask) -> None:
    """After a container's restart the killed postmaster's number belongs to another process of the same user."""
    server = start()
    with server.lease():
        data = server.status().data_directory
        assert data is not None
        file, owner = data / "postmaster.pid", data.stat().st_uid
        lines = file.read_text(encoding="utf-8").split("\n")
    server.stop()
    with subprocess.Popen(["sleep", "60"], **as_user(owner if os.geteuid() == 0 else None)) as stranger:
        file.write_text("\n".join([str(stranger.pid), *lines[1:]]), encoding="utf-8")
        with server.lease():
            assert ask(server.address(), "SELECT 1") == "1"
        stranger.kill()
