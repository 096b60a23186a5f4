"""Who runs the server: root never does, and gives nothing away for it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lease_holder import NAMELESS, PROGRAM, STRANGER, LeaseHolder, processes_below, wait_until

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer, program_copies
from tenantry.postgres.embedded.account import Account

Start = Callable[..., EmbeddedServer]
Ask = Callable[[Address, str], str]

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="Only root has to change the user.")
UNUSED = 60578


def modes_and_owners(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return them for a folder and those above it."""
    return {place: ((entry := place.stat()).st_mode, entry.st_uid) for place in (folder, *folder.parents)}


@contextlib.contextmanager
def as_member_of_group(group: int) -> Iterator[None]:
    """Give root a group that the server must not inherit."""
    before = os.getgroups()
    os.setgroups([*before, group])
    try:
        yield
    finally:
        os.setgroups(before)


@pytest.fixture
def closed_home(home: Path, binaries: Binaries) -> tuple[Path, Binaries]:
    """A home folder that nobody else can enter, with a project in it and with PostgreSQL's programs."""
    home.chmod(0o700)
    installation = binaries.folder.parent
    package, libraries = installation.parent, installation.parent.with_name(f"{installation.parent.name}.libs")
    copied = home / "my venv" / package.name / installation.name
    shutil.copytree(installation, copied, ignore=shutil.ignore_patterns("include", "*.a"))
    if libraries.is_dir():
        shutil.copytree(libraries, home / "my venv" / libraries.name)
    return home, Binaries(binaries.kind, copied / "bin", binaries.version)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for copies of programs, in place of the machine's."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    monkeypatch.setattr(program_copies, "CACHES", (folder / "tenantry",))
    yield folder / "tenantry"
    shutil.rmtree(folder)


@as_root
def test_root_gets_a_server_in_a_closed_home(
    closed_home: tuple[Path, Binaries], cache: Path, start: Start, ask: Ask
) -> None:
    """Project, data and programs are below a folder of mode 0700: it stays so, and the server has no way to root."""
    home, binaries = closed_home
    before = modes_and_owners(home / "my venv")
    server = start(home / "my project" / ".tenantry", binaries)
    with as_member_of_group(4), server.lease():
        assert ask(server.address(), "SELECT 1") == "1"
        pid = server.status().pid
        assert pid is not None
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        assert f"Uid:\t{UNUSED}\t{UNUSED}\t{UNUSED}\t{UNUSED}" in status
        assert "Groups:\t \n" in status
        assert "CapEff:\t0000000000000000" in status
        data = server.status().data_directory
        assert data is not None
        assert {place.stat().st_uid for place in data.rglob("*")} == {UNUSED}
        assert (data.parent.stat().st_uid, data.stat().st_mode & 0o777) == (0, 0o700)
    assert modes_and_owners(home / "my venv") == before
    assert [place.stat().st_uid for place in cache.rglob("*") if place.stat().st_uid != 0] == []


@as_root
def test_the_copy_of_the_programs_is_needed(closed_home: tuple[Path, Binaries], cache: Path) -> None:
    """The account cannot run the original; the copy is made once."""
    _, binaries = closed_home
    account = Account(UNUSED, UNUSED)
    with pytest.raises(PermissionError):
        subprocess.run([binaries.path("postgres"), "--version"], check=False, **account.process_options())
    first = program_copies.find_readable(binaries, account)
    made = first.stat().st_ctime_ns
    assert first.is_relative_to(cache)
    assert program_copies.find_readable(binaries, account) == first
    assert first.stat().st_ctime_ns == made


@as_root
def test_a_cache_that_somebody_else_made_is_not_trusted(closed_home: tuple[Path, Binaries], cache: Path) -> None:
    """Whoever owns the folder could put another program in it."""
    _, binaries = closed_home
    cache.mkdir()
    os.chown(cache, STRANGER, STRANGER)
    with pytest.raises(errors.ServerError, match="copying them failed"):
        program_copies.find_readable(binaries, Account(UNUSED, UNUSED))
    os.chown(cache, 0, 0)
    cache.chmod(0o777)
    with pytest.raises(errors.ServerError, match="copying them failed"):
        program_copies.find_readable(binaries, Account(UNUSED, UNUSED))


@as_root
def test_data_that_root_copied_are_given_back_to_the_account(start: Start, ask: Ask, home: Path) -> None:
    """As when a project is copied into a container's image."""
    with start(home / "a").lease():
        ask(start(home / "a").address(), "CREATE TABLE kept AS SELECT 42 AS number")
    start(home / "a").stop()
    shutil.copytree(home / "a", home / "b")
    with start(home / "a").lease(), start(home / "b").lease():
        assert start(home / "a").address() != start(home / "b").address()
        assert ask(start(home / "b").address(), "SELECT number FROM kept") == "42"


@as_root
def test_root_on_an_ordinary_users_data_runs_the_server_as_that_user(
    start: Start, binaries: Binaries, open_folder: Path
) -> None:
    """So that the user's data stay the user's, and both share one server."""
    with LeaseHolder(open_folder / "postgres", binaries, user=STRANGER) as holder:
        assert holder.wait() == "held"
        server = start(open_folder / "postgres")
        with server.lease():
            pid = server.status().pid
            holder.let_go()
            assert server.status().pid == pid
        server.stop()
        with server.lease():
            pid = server.status().pid
            assert Path(f"/proc/{pid}").stat().st_uid == STRANGER
        server.stop()
    with LeaseHolder(open_folder / "postgres", binaries, user=STRANGER) as holder:
        assert holder.wait() == "held"


@as_root
def test_an_ordinary_user_is_told_that_the_data_are_roots(start: Start, binaries: Binaries, open_folder: Path) -> None:
    """Every file of the folder may be root's; the sentence says so, and nothing breaks."""
    with start(open_folder / "postgres").lease():
        pass
    start(open_folder / "postgres").stop()
    with LeaseHolder(open_folder / "postgres", binaries, user=STRANGER) as holder:
        answer = holder.wait()
    assert answer.startswith("data_directory_unusable")


def test_an_ordinary_user_runs_the_server_under_the_own_name(binaries: Binaries, open_folder: Path) -> None:
    """No other user is involved, and a killed holder leaves nothing."""
    is_root = os.geteuid() == 0
    user = STRANGER if is_root else os.geteuid()
    data = open_folder / "postgres" / str(binaries.major) / "data"
    with LeaseHolder(open_folder / "postgres", binaries, user=user if is_root else None) as holder:
        assert holder.wait() == "held"
        pids = processes_below(data)
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids} == {user}
        assert data.stat().st_uid == user
        holder.kill()
        assert wait_until(lambda: not processes_below(data), 2)


@as_root
def test_a_user_without_a_name_is_told(binaries: Binaries, open_folder: Path) -> None:
    """As in a container that was given a number to run as; `initdb` would say less."""
    os.chown(open_folder, NAMELESS, NAMELESS)
    with LeaseHolder(open_folder / "postgres", binaries, user=NAMELESS) as holder:
        assert f"the user id {NAMELESS}" in holder.wait()


@as_root
@pytest.mark.parametrize(
    "confined",
    [
        pytest.param(["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"], id="capability"),
        pytest.param(["unshare", "--map-root-user"], id="namespace"),
    ],
)
def test_a_root_that_may_not_change_its_user_is_told(confined: list[str], home: Path) -> None:
    """As in a container without CAP_SETUID, or in one that knows no other user."""
    if subprocess.run([*confined, "true"], check=False).returncode != 0:
        pytest.skip(f"{confined[0]} is not allowed here.")
    binaries = Binaries.wheel()
    arguments = [str(home / "postgres"), binaries.kind, str(binaries.folder), binaries.version]
    done = subprocess.run(
        [*confined, sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("server PostgreSQL refuses to run as root"), done.stderr
    assert "CAP_SETUID" in done.stdout
    assert not (home / "postgres").exists() or not list(home.glob("postgres/*/data"))


def test_the_number_of_the_account_is_nobodys() -> None:
    """A program of another user could otherwise log in as the server's superuser."""
    with pytest.raises(KeyError):
        pwd.getpwuid(UNUSED)
