from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lease_holder import processes_below, supervisors_of, wait_until

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.binaries import find_binaries
from tenantry.postgres.embedded import EmbeddedServer

DEBIAN_15 = "/usr/lib/postgresql/15/bin"


Start = Callable[..., EmbeddedServer]
Ask = Callable[[Address, str], str]


@pytest.mark.parametrize(
    "spec",
    [
        "18",
        "16",
        pytest.param(
            DEBIAN_15,
            marks=pytest.mark.skipif(not Path(DEBIAN_15).is_dir(), reason="PostgreSQL 15 of the system is absent."),
        ),
    ],
)
def test_a_server_of_each_version_starts_and_answers(spec: str, start: Start, ask: Ask) -> None:
    """Each version has the same superuser, encoding and settings, and says which it is."""
    server = start(binaries=find_binaries(spec))
    with server.lease():
        version = ask(server.address(), "SHOW server_version_num")
        settings = ask(
            server.address(),
            "SELECT concat_ws(' ', current_user, current_setting('server_encoding'), current_setting('fsync'),"
            " current_setting('max_connections'), current_setting('listen_addresses'), current_setting('TimeZone'))",
        )
        status = server.status()
    assert str(version).startswith(str(find_binaries(spec).major))
    assert settings == "postgres UTF8 on 200  UTC"
    assert status.running
    assert status.version == find_binaries(spec).version
    assert status.kind == ("embedded" if spec.isdigit() else "system")


def test_data_and_address_survive_stop_and_start(start: Start, ask: Ask) -> None:
    """A pool that kept its address finds the restarted server."""
    server = start()
    with server.lease():
        address = server.address()
        ask(address, "CREATE TABLE kept AS SELECT 42 AS number")
        server.stop()
        assert not server.status().running
    with server.lease():
        assert server.address() == address
        assert ask(address, "SELECT number FROM kept") == "42"


def test_asking_starts_nothing(start: Start, home: Path) -> None:
    """Neither status, nor stop, nor address makes so much as a folder."""
    server = start(home / "never")
    status = server.status()
    assert (status.running, status.pid, status.address) == (False, None, None)
    server.stop()
    with pytest.raises(errors.ServerError):
        server.address()
    assert not (home / "never").exists()


def test_the_server_stops_with_the_last_lease(start: Start, home: Path) -> None:
    """It stays for the second holder, and leaves no process and no socket."""
    server = start()
    first, second = server.lease(), server.lease()
    folder = Path(server.address().hosts[0].name)
    first.close()
    first.close()
    time.sleep(0.3)
    assert server.status().running
    second.close()
    assert wait_until(lambda: not processes_below(home) and not supervisors_of(home), 5)
    assert not folder.exists()
    assert not server.status().running


def test_a_folder_may_have_a_long_name_with_spaces(start: Start, home: Path, ask: Ask) -> None:
    """The socket lies elsewhere, so neither its limit nor the shell's rules matter for the data."""
    server = start(home / 'it\'s my "project"' / ("long name, " * 15) / ".tenantry")
    with server.lease():
        assert ask(server.address(), "SELECT 1") == "1"


def test_a_relative_folder_stays_the_same_after_a_change_of_directory(
    start: Start, home: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    monkeypatch.chdir(home)
    server = start("relative")
    monkeypatch.chdir("/")
    with server.lease():
        assert ask(server.address(), "SELECT 1") == "1"
    assert (home / "relative").is_dir()


def test_a_temporary_folder_with_a_long_name_is_not_used(
    start: Start, home: Path, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    """The socket's name would be cut, and the server would not start."""
    place = home / ("long" * 30)
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    server = start()
    with server.lease():
        assert ask(server.address(), "SELECT 1") == "1"
    assert not any(place.iterdir())


def test_nobody_else_may_enter_the_folder_of_the_socket(start: Start) -> None:
    """Logins need no password, so this is what keeps strangers out."""
    server = start()
    with server.lease():
        folder = Path(server.address().hosts[0].name)
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_users_own_settings_win_and_stay(start: Start, ask: Ask) -> None:
    server = start()
    with server.lease():
        data = server.status().data_directory
        assert data is not None
        server.stop()
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("max_connections = 17\n")
    with server.lease():
        assert ask(server.address(), "SHOW max_connections") == "17"


def test_erased_data_come_back_empty(start: Start, ask: Ask) -> None:
    server = start()
    with server.lease():
        ask(server.address(), "CREATE TABLE lost ()")
        server.erase()
    with server.lease():
        assert ask(server.address(), "SELECT to_regclass('lost')") == ""


async def test_a_lease_works_inside_a_running_event_loop(start: Start) -> None:
    """Nothing in it needs a loop, so it cannot clash with the caller's."""
    with start().lease():
        assert start().status().running


def test_a_durable_user_refuses_a_server_without_durability(start: Start, ask: Ask) -> None:
    """Else `up` could lose data because a test had started the server first."""
    fleeting = start(durable=False)
    with fleeting.lease():
        assert ask(fleeting.address(), "SHOW fsync") == "off"
        with pytest.raises(errors.ServerError, match="may lose data"):
            start().lease()


def test_the_callers_environment_does_not_reach_the_server(
    start: Start, monkeypatch: pytest.MonkeyPatch, ask: Ask
) -> None:
    """Variables that belong to another PostgreSQL of the user's change nothing."""
    for name, value in {"PGDATA": "/elsewhere", "PGPORT": "1", "LC_ALL": "xx_XX", "PGOPTIONS": "--nonsense"}.items():
        monkeypatch.setenv(name, value)
    server = start()
    with server.lease():
        assert server.status().running
        monkeypatch.undo()
        assert ask(server.address(), "SHOW port") == "5432"


def test_a_start_leaves_nothing_in_shared_memory(start: Start) -> None:
    """A server that is killed could not clean up there."""
    server = start()
    with server.lease():
        pid = server.status().pid
        assert pid is not None
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    assert "pg_dynshmem" in maps
    assert "/dev/shm/PostgreSQL" not in maps
