from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tenantry.postgres.embedded.lock import FileLock, is_held


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lock"


def test_one_holder_excludes_all_others(path: Path) -> None:
    with FileLock(path) as first, FileLock(path) as second:
        assert first.take()
        assert not second.take()
        assert not second.take(shared=True)
        assert is_held(path)
        first.close()
        assert second.take()


def test_those_who_share_exclude_only_one_who_does_not(path: Path) -> None:
    with FileLock(path) as first, FileLock(path) as second, FileLock(path) as third:
        assert first.take(shared=True)
        assert second.take(shared=True)
        assert not third.take()
        assert not is_held(path)


def test_waiting_ends_at_the_deadline(path: Path) -> None:
    with FileLock(path) as first, FileLock(path) as second:
        assert first.take()
        begun = time.monotonic()
        assert not second.wait(begun + 0.1)
        assert 0.1 <= time.monotonic() - begun < 1


def test_a_killed_holder_gives_the_lock_back(path: Path) -> None:
    program = (
        "import fcntl, os, sys\nfcntl.flock(os.open(sys.argv[1], os.O_RDWR), fcntl.LOCK_EX)\nprint(1, flush=True)\n"
    )
    path.touch()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", program + "sys.stdin.read()", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert is_held(path)
        process.kill()
    assert not is_held(path)


def test_a_child_that_inherits_the_descriptor_holds_the_lock_too(path: Path) -> None:
    """So the lock of a server is free only when the last of its processes has ended."""
    lock = FileLock(path)
    assert lock.take()
    with subprocess.Popen(["sleep", "60"], pass_fds=[lock.descriptor]) as child:
        lock.close()
        assert is_held(path)
        child.kill()
    assert not is_held(path)


def test_other_children_do_not_hold_it(path: Path) -> None:
    lock = FileLock(path)
    assert lock.take()
    with subprocess.Popen(["sleep", "60"]) as child:
        lock.close()
        assert not is_held(path)
        child.kill()


def test_a_closed_lock_cannot_be_taken(path: Path) -> None:
    lock = FileLock(path)
    lock.close()
    lock.close()
    with pytest.raises(ValueError, match="is closed"):
        lock.take()


def test_asking_makes_no_file(path: Path) -> None:
    assert not is_held(path)
    assert not path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="Root may write every file.")
def test_a_file_that_can_only_be_read_can_be_locked(path: Path) -> None:
    path.touch(0o444)
    with FileLock(path) as lock:
        assert lock.take()
        assert is_held(path)
