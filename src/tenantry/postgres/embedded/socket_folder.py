"""The folder of the server's socket: new at each start, mode 0700, and short, because a path may have 103 bytes.

The server accepts logins without a password, which is safe only if no other user can enter this folder. It has the same
name at each start if possible, so that a pool finds the restarted server.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tenantry import errors
from tenantry.address import Host
from tenantry.postgres.embedded.account import Account
from tenantry.postgres.handshake import LONGEST_SOCKET_PATH, Answer, ask, socket_path

__all__ = ["make_socket_folder", "remove_left_over"]

PREFIX = "tenantry-"


def make_socket_folder(previous: Path | None, account: Account) -> Path:
    """Create the folder and change its owner to the account; `previous` is its last path.

    Raises:
        ServerError: no folder for temporary files has a path that is short enough.
    """
    folder = previous if previous is not None and _make_again(previous, account) else _make_new()
    account.own(folder)
    return folder


def _make_new() -> Path:
    reason = "The path of every folder for temporary files is too long, or other users may not enter it"
    for base in _bases():
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        except OSError as error:
            reason = f"{base}: {error.strerror}"
    raise errors.ServerError(
        "The folder of the server's socket could not be created.",
        why=f"{reason}.",
        remedy="Set TMPDIR to a folder with a short path that every user may enter.",
    )


def _make_again(folder: Path, account: Account) -> bool:
    """Create the folder of the last run again; return False if another user has that name now."""
    remove_left_over(folder, account)
    if not _has_our_name(folder):
        return False
    try:
        folder.mkdir(mode=0o700)
    except OSError:
        return False
    return True


def remove_left_over(folder: Path, account: Account) -> None:
    """Remove the folder that a killed server left, unless a server of a copied project uses it."""
    with contextlib.suppress(FileNotFoundError):
        entry = folder.lstat()
        is_ours = stat.S_ISDIR(entry.st_mode) and entry.st_uid in {os.geteuid(), account.uid}
        if is_ours and _has_our_name(folder) and ask(Host(str(folder))) is Answer.NONE:
            shutil.rmtree(folder)


def _has_our_name(folder: Path) -> bool:
    """Return True if Tenantry may have created the folder. Its path comes from a file, and the folder is deleted."""
    return folder.name.startswith(PREFIX) and folder.parent in _bases()


def _bases() -> list[Path]:
    """Return the folders for temporary files in which a server can listen."""
    return list(_usable({Path(tempfile.gettempdir()).absolute(): None, Path("/tmp"): None}))  # noqa: S108  # by mkdtemp


def _usable(bases: dict[Path, None]) -> Iterator[Path]:
    for base in bases:
        sample = socket_path(base / f"{PREFIX}12345678")
        if len(os.fsencode(sample)) <= LONGEST_SOCKET_PATH and (os.geteuid() != 0 or _is_open_to_all(base)):
            yield base


def _is_open_to_all(folder: Path) -> bool:
    """Return True if every user may enter the folder and its parents."""
    with contextlib.suppress(OSError):
        return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))
    return False
