"""The supervisor's way of stopping, tried on programs that are harder to stop than PostgreSQL."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tenantry.postgres.embedded import supervisor
from tenantry.postgres.embedded.supervisor import Plan, Postmaster

DEAF = "import signal, time\nfor n in (2, 3): signal.signal(n, signal.SIG_IGN)\nprint(flush=True)\ntime.sleep(60)"


def plan_for(*command: str) -> Plan:
    return Plan(
        command=list(command),
        environment={},
        uid=None,
        gid=None,
        kept=[],
        own=[],
        leases="",
        lock="",
        state="",
        facts={},
        socket_folder="",
    )


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = tuple((number, 0.2) for number, _ in supervisor.SHUTDOWN)
    monkeypatch.setattr(supervisor, "SHUTDOWN", steps)


def test_the_first_signal_is_enough_for_one_that_listens() -> None:
    postmaster = Postmaster(plan_for("/bin/sleep", "60"))
    time.sleep(0.3)
    begun = time.monotonic()
    postmaster.stop()
    assert postmaster.has_ended()
    assert time.monotonic() - begun < 0.2


def test_one_that_ignores_signals_is_stopped_by_the_last() -> None:
    postmaster = Postmaster(plan_for(sys.executable, "-I", "-S", "-c", DEAF))
    time.sleep(0.3)
    postmaster.stop()
    assert postmaster.has_ended()


def test_a_frozen_one_is_stopped_by_the_last() -> None:
    postmaster = Postmaster(plan_for("/bin/sleep", "60"))
    os.kill(postmaster.pid, signal.SIGSTOP)
    postmaster.stop()
    assert postmaster.has_ended()


def test_one_that_has_ended_is_not_signalled() -> None:
    """Its number may be somebody else's by then."""
    postmaster = Postmaster(plan_for("/bin/true"))
    while not postmaster.has_ended():
        time.sleep(0.01)
    postmaster.pid = os.getpid()
    postmaster.stop()
    assert postmaster.has_ended()


def test_a_program_that_cannot_be_run_is_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "postgres")
    postmaster = Postmaster(plan_for(missing))
    while not postmaster.has_ended():
        time.sleep(0.01)
    assert missing in capfd.readouterr().err
