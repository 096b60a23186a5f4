"""Under which user PostgreSQL runs.

PostgreSQL refuses to run as root. Started by root, it runs under an unprivileged number that no user of the machine
has, and owns its data directory and its socket's folder, nothing else. No folder of the user's is opened for it: what
it cannot walk to, such as a project in a home folder of mode 0700, it gets as an open directory. Only the server
changes its user; Python stays what it was. Anybody else's server simply runs as that user.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry import errors

__all__ = ["Account", "account_with_name", "server_account"]

# A range that systemd's table of users (UIDS-GIDS) leaves unused and that fits below 65536, the size of the map of
# users that many containers have.
FIRST, LAST = 60578, 61183

NOBODY = "nobody"
DESCRIPTORS = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group to run as; None means to stay who we are."""

    uid: int | None = None
    gid: int | None = None

    def process_options(self) -> dict[str, Any]:
        """Return what `subprocess` needs in order to run a program under this account."""
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": ()}

    def own(self, path: Path | str) -> None:
        """Give one file or folder of ours to this account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def name_of(self, directory: Path, descriptor: int) -> str:
        """Return the name by which this account finds a directory that we hold open."""
        # The kernel goes straight to an open directory, without asking for the right to pass those above it.
        return str(DESCRIPTORS / str(descriptor)) if self.uid is not None and DESCRIPTORS.is_dir() else str(directory)


def server_account(data: Path) -> Account:
    """Return the account for the server on a data directory: its owner's if it exists, else an unused number."""
    if os.geteuid() != 0:
        return Account()
    if data.is_dir() and (owner := data.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    number = next(number for number in range(FIRST, LAST + 1) if number not in taken)
    return Account(number, number)


def account_with_name() -> Account:
    """Return an unprivileged account that the machine has a name for, which `initdb` insists on.

    Raises:
        ServerError: the machine has no name for us, or we are root and it knows no other user.
    """
    own = os.geteuid()
    if own != 0:
        if not any(entry.pw_uid == own for entry in pwd.getpwall()):
            raise errors.ServerError(
                "PostgreSQL cannot make its data as a user without a name.",
                why=f"/etc/passwd knows nobody with the number {own}.",
                remedy="Add an entry for it, or run as a user that has one.",
            )
        return Account()
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not entries:
        raise errors.ServerError(
            "PostgreSQL cannot make its data as root.",
            why="This machine knows no other user.",
            remedy="Add one, for example `nobody`, to /etc/passwd, or run as an ordinary user.",
        )
    entry = next((entry for entry in entries if entry.pw_name == NOBODY), entries[0])
    return Account(entry.pw_uid, entry.pw_gid)
