"""The user that PostgreSQL runs as.

PostgreSQL refuses to run as root. If root starts it, it runs with an unprivileged user id that no user of the machine
has. It owns its data directory and its socket's folder, nothing else. No other permission of a folder is changed: if
the server cannot reach a directory, such as a project in a home folder of mode 0700, it gets an open descriptor of it.
Only the server changes its user; Python does not. For every other user, the server runs as that user.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry import errors

__all__ = ["Account", "account_with_name", "server_account"]

# A range that systemd's table of user ids (UIDS-GIDS) leaves unused, below 65536, which is the number of user ids in
# many containers.
FIRST, LAST = 60578, 61183

NOBODY = "nobody"
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group to run as; None means the current user."""

    uid: int | None = None
    gid: int | None = None

    def process_options(self) -> dict[str, Any]:
        """Return the options with which `subprocess` runs a program as this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": ()}

    def own(self, path: Path | str) -> None:
        """Change the owner of one file or folder to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def name_of(self, directory: Path, descriptor: int) -> str:
        """Return a path by which this account reaches a directory that is open in this process."""
        # Through a descriptor, the kernel does not check permissions on the parent directories.
        return str(DESCRIPTORS / str(descriptor)) if self.uid is not None and DESCRIPTORS.is_dir() else str(directory)


def server_account(data: Path) -> Account:
    """Return the account for the server of a data directory: the directory's owner, else an unused user id."""
    if os.geteuid() != 0:
        return Account()
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    number = next(number for number in range(FIRST, LAST + 1) if number not in taken)
    return Account(number, number)


def account_with_name() -> Account:
    """Return an unprivileged account with a user name, which `initdb` requires.

    Raises:
        ServerError: the current user has no name, or is root on a machine without other users.
    """
    own = os.geteuid()
    if own != 0:
        if not any(entry.pw_uid == own for entry in pwd.getpwall()):
            raise errors.ServerError(
                f"The program initdb cannot run as the user id {own}, because that user has no name.",
                why=f"/etc/passwd has no entry for the user id {own}.",
                remedy="Add an entry for it to /etc/passwd, or run as a user that has one.",
            )
        return Account()
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not entries:
        raise errors.ServerError(
            "The program initdb cannot run as root.",
            why="/etc/passwd has no other user.",
            remedy=f"Add a user to /etc/passwd, for example `{NOBODY}`, or run as an ordinary user.",
        )
    entry = next((entry for entry in entries if entry.pw_name == NOBODY), entries[0])
    return Account(entry.pw_uid, entry.pw_gid)
