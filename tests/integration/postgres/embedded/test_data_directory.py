"""Folders that cannot be used, and starts that were cut short."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lease_holder import PROGRAM, STRANGER, LeaseHolder, as_user

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.binaries import Binaries, find_binaries
from tenantry.postgres.embedded import EmbeddedServer

Start = Callable[..., EmbeddedServer]
Ask = Callable[[Address, str], str]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root can do this to the machine.")


def initdbs_below(folder: Path) -> list[int]:
    """Return the running `initdb` processes that have a folder open."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.joinpath("exe").readlink().name == "initdb":
                places = [descriptor.readlink() for descriptor in entry.joinpath("fd").iterdir()]
                if any(place.is_relative_to(folder) for place in places):
                    found.append(int(entry.name))
    return found


def wait_for_initdb(folder: Path) -> list[int]:
    deadline = time.monotonic() + 10
    while not (found := initdbs_below(folder)):
        assert time.monotonic() < deadline
    return found


def test_a_killed_initdb_does_not_spoil_the_folder(start: Start, ask: Ask, home: Path, binaries: Binaries) -> None:
    """The one who waited for it is told; the next lease begins anew and leaves no unfinished folder."""
    with LeaseHolder(home, binaries) as holder:
        for pid in wait_for_initdb(home):
            os.kill(pid, signal.SIGKILL)
        assert holder.wait().startswith(
            "server The program initdb could not create a data directory. It ended with status -9"
        )
    with start().lease():
        assert ask(start().address(), "SELECT 1") == "1"
    assert not list(home.glob("*/unfinished-*"))


def test_a_holder_killed_during_initdb_does_not_spoil_the_folder(
    start: Start, ask: Ask, home: Path, binaries: Binaries
) -> None:
    """The orphaned `initdb` holds the server's lock, so nobody removes the folder under its feet."""
    holder = LeaseHolder(home, binaries)
    pids = wait_for_initdb(home)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    holder.kill()
    before = list(home.glob("*/unfinished-*"))
    with ThreadPoolExecutor(1) as thread:
        lease = thread.submit(start().lease)
        time.sleep(0.5)
        left = list(home.glob("*/unfinished-*"))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        with lease.result():
            assert ask(start().address(), "SELECT 1") == "1"
    assert left == before
    assert not list(home.glob("*/unfinished-*"))


def test_a_copy_that_was_cut_short_is_made_again(start: Start, ask: Ask, home: Path) -> None:
    with start().lease():
        pass
    start().erase()
    (root,) = home.iterdir()
    (template,) = root.glob("template-*")
    shutil.copytree(template / "global", root / "unfinished-copy" / "global")
    with start().lease():
        assert ask(start().address(), "SELECT 1") == "1"
    assert not (root / "unfinished-copy").exists()


def test_data_of_another_major_version_are_refused(start: Start, home: Path) -> None:
    """The sentence names both versions, and nothing was changed."""
    newer, older = find_binaries("18"), find_binaries("16")
    with start(binaries=older).lease():
        pass
    start(binaries=older).stop()
    (home / "16").rename(home / "18")
    with pytest.raises(errors.DataDirectoryUnusable, match=r"PostgreSQL 16.*of PostgreSQL 18"):
        start(binaries=newer).lease()
    (home / "18").rename(home / "16")
    with start(binaries=older).lease():
        assert start(binaries=older).status().running


def test_a_folder_with_something_else_in_it_is_refused(start: Start, home: Path, binaries: Binaries) -> None:
    data = home / str(binaries.major) / "data"
    data.mkdir(parents=True)
    (data / "thesis.txt").write_text("the only copy", encoding="utf-8")
    with pytest.raises(errors.DataDirectoryUnusable, match="not a PostgreSQL data directory"):
        start().lease()
    assert (data / "thesis.txt").read_text(encoding="utf-8") == "the only copy"


def test_a_folder_that_is_a_file_is_refused(start: Start, home: Path) -> None:
    (home / "file").write_text("", encoding="utf-8")
    with pytest.raises(errors.DataDirectoryUnusable, match="cannot be used"):
        start(home / "file").lease()


def test_data_that_somebody_else_serves_are_refused(start: Start, home: Path, binaries: Binaries) -> None:
    """A postmaster started by hand holds none of our locks; two on the same data would destroy them."""
    server = start()
    with server.lease():
        data = server.status().data_directory
        assert data is not None
    server.stop()
    with _postmaster_by_hand(data, binaries) as pid:
        with pytest.raises(errors.DataDirectoryUnusable, match=f"process {pid}"):
            server.lease()
        assert (data / "postmaster.pid").exists()


@contextlib.contextmanager
def _postmaster_by_hand(data: Path, binaries: Binaries) -> Iterator[int]:
    descriptor = os.open(data, os.O_RDONLY)
    sockets = Path(tempfile.mkdtemp())
    owner = data.stat().st_uid
    os.chown(sockets, owner, owner)
    process = subprocess.Popen(
        [binaries.path("postgres"), "-D", f"/proc/self/fd/{descriptor}", "-k", sockets],
        pass_fds=[descriptor],
        cwd="/",
        stderr=subprocess.DEVNULL,
        **as_user(owner if os.geteuid() == 0 else None),
    )
    try:
        while not (sockets / ".s.PGSQL.5432").exists():
            assert process.poll() is None
            time.sleep(0.01)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        os.close(descriptor)
        shutil.rmtree(sockets)


def test_a_server_that_does_not_start_shows_the_end_of_its_log(start: Start) -> None:
    server = start()
    with server.lease():
        data = server.status().data_directory
        assert data is not None
    server.stop()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("max_connections = 'many'\n")
    with pytest.raises(errors.ServerError, match='invalid value for parameter "max_connections": "many"'):
        server.lease()
    assert not server.status().running


@as_root
@pytest.mark.parametrize(("size", "told"), [("2m", "data_directory_unusable"), ("45m", "data_directory_unusable")])
def test_a_full_disk_is_told(home: Path, binaries: Binaries, size: str, told: str) -> None:
    """Too small for `initdb`, or for the copy of what it made."""
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        pytest.skip("This root may not mount anything.")
    disk = home / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size={size} none "$1" && shift && exec "$@"'
    holder = [sys.executable, "-c", PROGRAM, str(disk / "postgres"), binaries.kind, str(binaries.folder)]
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", str(disk), *holder, binaries.version],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    code, _, sentence = done.stdout.partition(" ")
    assert code == told
    assert "No space left on device" in sentence
    assert "Free space" in sentence


def test_a_folder_that_cannot_be_written_is_refused(open_folder: Path, binaries: Binaries) -> None:
    """As an ordinary user; root could write it."""
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(open_folder, 0, 0)
    open_folder.chmod(0o555)
    with LeaseHolder(open_folder / "postgres", binaries, user=STRANGER if is_root else None) as holder:
        answer = holder.wait()
    assert answer.startswith("data_directory_unusable")
    assert "Permission denied" in answer
    open_folder.chmod(0o755)
    assert not list(open_folder.iterdir())


def test_the_supervisor_needs_no_installed_package() -> None:
    """Its script gets as far as asking for its plan, with nothing but the standard library to import."""
    script = Path(sys.modules["tenantry.postgres.embedded.supervisor"].__file__ or "")
    done = subprocess.run([sys.executable, "-I", "-S", script], capture_output=True, text=True, check=False)
    assert "IndexError" in done.stderr
