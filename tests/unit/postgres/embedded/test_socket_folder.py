from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry import errors
from tenantry.postgres.embedded import socket_folder
from tenantry.postgres.embedded.account import Account
from tenantry.postgres.embedded.socket_folder import make_socket_folder, remove_left_over
from tenantry.postgres.handshake import LONGEST_SOCKET_PATH, socket_path

NOBODY_ELSE = Account()


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The only place for temporary files."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    monkeypatch.setattr(socket_folder, "_bases", lambda: [folder])
    yield folder
    shutil.rmtree(folder)


def test_a_folder_is_closed_and_short(base: Path) -> None:
    folder = make_socket_folder(None, NOBODY_ELSE)
    assert folder.parent == base
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(socket_path(folder))) <= LONGEST_SOCKET_PATH


def test_the_last_name_is_taken_again(base: Path) -> None:
    """Whether it was removed, or left behind with a dead socket in it."""
    folder = make_socket_folder(None, NOBODY_ELSE)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path(folder))
    assert make_socket_folder(folder, NOBODY_ELSE) == folder
    assert not list(folder.iterdir())
    folder.rmdir()
    assert make_socket_folder(folder, NOBODY_ELSE) == folder


def test_a_name_that_we_could_not_have_made_is_left_alone(base: Path) -> None:
    """It comes from a file that anybody could have edited, and what is there would be deleted."""
    precious = base / "precious"
    precious.mkdir()
    elsewhere = Path(tempfile.mkdtemp(prefix="tenantry-", dir=base)) / "tenantry-below"
    elsewhere.mkdir()
    for folder in (precious, elsewhere):
        assert make_socket_folder(folder, NOBODY_ELSE) != folder
        remove_left_over(folder, NOBODY_ELSE)
        assert folder.is_dir()


def test_a_link_is_not_followed(base: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").touch()
    link = base / "tenantry-link"
    link.symlink_to(tmp_path)
    assert make_socket_folder(link, NOBODY_ELSE) != link
    assert (tmp_path / "kept").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="Only root can give a folder to somebody else.")
def test_somebody_elses_folder_is_not_used(base: Path) -> None:
    """Who sits there could pretend to be the server."""
    folder = make_socket_folder(None, NOBODY_ELSE)
    os.chown(folder, 60999, 60999)
    assert make_socket_folder(folder, NOBODY_ELSE) != folder
    assert folder.is_dir()


def test_a_place_whose_name_is_too_long_is_no_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard one is taken instead."""
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = make_socket_folder(None, NOBODY_ELSE)
    assert folder.parent == Path("/tmp")
    folder.rmdir()


def test_no_place_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_folder, "_bases", list)
    with pytest.raises(errors.ServerError, match="TMPDIR"):
        make_socket_folder(None, NOBODY_ELSE)
