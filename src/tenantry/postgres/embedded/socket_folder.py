"""The folder of the server's socket: 0700, freshly made, and short, because a socket's name may have 103 bytes.

The password-less logins of the server are safe only as long as nobody else can enter this folder. It gets the same name
at each start where possible, so that a pool finds a server that was restarted.
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
    """Make the folder and give it to the account; `previous` is the name it had last.

    Raises:
        ServerError: there is no place with a short enough name.
    """
    folder = previous if previous is not None and _make_again(previous, account) else _make_new()
    account.own(folder)
    return folder


def _make_new() -> Path:
    reason = "Their names are too long for a socket, or not everybody may enter them"
    for base in _bases():
        try:
            return Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
        except OSError as error:
            reason = f"{base}: {error.strerror}"
    raise errors.ServerError(
        "There is no folder for the server's socket.",
        why=f"{reason}.",
        remedy="Set TMPDIR to a folder with a short name that everybody may enter.",
    )


def _make_again(folder: Path, account: Account) -> bool:
    """Make the folder that the last run had; False if somebody else has the name now."""
    remove_left_over(folder, account)
    if not _has_our_name(folder):
        return False
    try:
        folder.mkdir(mode=0o700)
    except OSError:
        return False
    return True


def remove_left_over(folder: Path, account: Account) -> None:
    """Remove the folder if a killed server of ours left it; a copied project may run another one in it."""
    with contextlib.suppress(FileNotFoundError):
        entry = folder.lstat()
        is_ours = stat.S_ISDIR(entry.st_mode) and entry.st_uid in {os.geteuid(), account.uid}
        if is_ours and _has_our_name(folder) and ask(Host(str(folder))) is Answer.NONE:
            shutil.rmtree(folder)


def _has_our_name(folder: Path) -> bool:
    """Tell whether we could have made the folder: its name comes from a file, and what is there will be deleted."""
    return folder.name.startswith(PREFIX) and folder.parent in _bases()


def _bases() -> list[Path]:
    """Return the places for temporary files that a server can listen in."""
    return list(_usable({Path(tempfile.gettempdir()).absolute(): None, Path("/tmp"): None}))  # noqa: S108  # by mkdtemp


def _usable(bases: dict[Path, None]) -> Iterator[Path]:
    for base in bases:
        sample = socket_path(base / f"{PREFIX}12345678")
        if len(os.fsencode(sample)) <= LONGEST_SOCKET_PATH and (os.geteuid() != 0 or _is_open_to_all(base)):
            yield base


def _is_open_to_all(folder: Path) -> bool:
    """Tell whether any user may walk down to the folder."""
    with contextlib.suppress(OSError):
        return all(place.stat().st_mode & 0o001 for place in (folder, *folder.parents))
    return False
