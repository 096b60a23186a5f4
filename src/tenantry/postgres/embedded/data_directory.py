"""The data directory: created completely or not at all, and checked before a server uses it.

`initdb` takes most of the time of a first start. So it runs once and creates a template, and a data directory is a copy
of it. Both are created under another name and renamed when they are complete. A process that is killed in between
leaves only an unfinished folder, which the next start removes. All of this happens under the server's lock.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tenantry import errors
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded.account import Account, account_with_name
from tenantry.postgres.embedded.configuration import write_include
from tenantry.postgres.embedded.environment import server_environment
from tenantry.postgres.embedded.layout import UNFINISHED, Layout
from tenantry.postgres.embedded.program_copies import find_readable

__all__ = ["DataDirectory", "unusable"]

# A locale that is the same on every machine. The builtin provider, which does not use the operating system, exists
# since 17.
BUILTIN_LOCALES = 17
OPTIONS = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--wal-segsize=1")
BUILTIN = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
LIBC = ("--locale=C.UTF-8",)

FREE_SPACE = "Free space on the disk."


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """One data directory, with the programs that use it and the account that they run as."""

    layout: Layout
    binaries: Binaries
    account: Account

    def prepare(self, *, lock: int, durable: bool) -> None:
        """Create the directory if it does not exist, and check it.

        `lock` is the descriptor of the server's lock. `initdb` inherits it, so that the lock is held even if this
        process is killed first.

        Raises:
            DataDirectoryUnusable: the directory cannot be written, or its content is not data of these programs.
            ServerError: `initdb` failed.
        """
        data = self.layout.data
        with unusable(data):
            for folder in self.layout.unfinished:
                shutil.rmtree(folder)
            if not data.is_dir() or not any(data.iterdir()):
                self._make(lock, durable=durable)
            self._check()
            self._forget_dead_postmaster()

    def write(self, name: str, text: str) -> None:
        """Write a file in the directory; it replaces an existing file or link."""
        with unusable(self.layout.data):
            descriptor, draft = tempfile.mkstemp(prefix=name, dir=self.layout.data)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            self.account.own(draft)
            Path(draft).replace(self.layout.data / name)

    def _make(self, lock: int, *, durable: bool) -> None:
        options = (*OPTIONS, *(BUILTIN if self.binaries.major >= BUILTIN_LOCALES else LIBC))
        template = self.layout.template(f"{self.binaries.version} {options}")
        if not template.is_dir():
            self._make_template(template, options, lock)
        draft = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.layout.root))
        _copy(template, draft, self.account)
        if durable:
            _sync(draft)
        draft.rename(self.layout.data)
        if durable:
            # Now also the new name. Not before, so that the name never refers to incomplete files.
            _sync(self.layout.root)

    def _make_template(self, template: Path, options: tuple[str, ...], lock: int) -> None:
        for outdated in self.layout.root.glob("template-*"):
            shutil.rmtree(outdated)
        account = account_with_name()
        draft = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.layout.root))
        account.own(draft)
        descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY)
        try:
            program = find_readable(self.binaries, account) / "initdb"
            done = subprocess.run(
                [program, "-D", account.name_of(draft, descriptor), *options],
                cwd="/",
                env=server_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                pass_fds=(descriptor, lock),
                **account.process_options(),
            )
        finally:
            os.close(descriptor)
        if done.returncode != 0:
            raise explain_failure(
                "The program initdb could not create a data directory.",
                done.stderr or f"It ended with status {done.returncode}.",
                self.layout.root,
                remedy="Correct the reason that initdb names, and start again.",
            )
        if account.uid is not None:
            # Only root may change a template.
            _hand_over(draft, Account(0, 0))
        write_include(draft)
        draft.rename(template)

    def _check(self) -> None:
        data, major = self.layout.data, self.binaries.major
        owner = data.stat().st_uid
        # Root owns the data after root has copied the project.
        if owner == 0 and self.account.uid is not None:
            _hand_over(data, self.account)
        if os.geteuid() not in {0, owner}:
            raise _refusal(
                data,
                f"It belongs to another user (uid {owner}).",
                "Run as that user, or set TENANTRY_HOME to another folder.",
            )
        version = data / "PG_VERSION"
        if not version.is_file() or not (data / "global" / "pg_control").is_file():
            raise _refusal(
                data,
                "It contains files that are not a PostgreSQL data directory.",
                "Move these files to another folder, or set TENANTRY_HOME to another folder.",
            )
        found = version.read_text(encoding="ascii").strip()
        if found != str(major):
            raise _refusal(
                data,
                f"PostgreSQL {found} wrote its data, but the programs are of PostgreSQL {major}.",
                f"Use PostgreSQL {found}, or move the data to PostgreSQL {major} with pg_dump.",
            )

    def _forget_dead_postmaster(self) -> None:
        """Remove the postmaster.pid of a killed postmaster.

        This process holds the server's lock, so no postmaster of Tenantry is running. PostgreSQL removes the file
        itself, unless another process of the same user now has the pid in it, as after a container's restart.
        """
        file = self.layout.data / "postmaster.pid"
        try:
            number = int(file.read_text(encoding="utf-8").split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            number = 0
        working_directory = Path(f"/proc/{number}/cwd")
        # The working directory of a postmaster is its data directory. A user may have started a postmaster by hand.
        with contextlib.suppress(OSError):
            if working_directory.samefile(self.layout.data):
                raise _refusal(
                    self.layout.data,
                    f"A PostgreSQL that Tenantry did not start uses it (process {number}).",
                    "Stop that PostgreSQL, and start again.",
                )
        if Path("/proc/self").exists():
            file.unlink(missing_ok=True)


@contextlib.contextmanager
def unusable(folder: Path) -> Iterator[None]:
    """Translate an OSError about a folder into DataDirectoryUnusable."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        place = f" ({error.filename})" if error.filename else ""
        raise _refusal(
            folder,
            f"{error.strerror}{place}.",
            FREE_SPACE if full else "Set TENANTRY_HOME to a folder that this user can write to.",
        ) from error


def explain_failure(what: str, output: str, folder: Path, *, remedy: str) -> errors.ServerError:
    """Return the error for a program that failed, with the last lines of its output."""
    lines = [line for line in output.splitlines() if line.strip()]
    if any(os.strerror(errno.ENOSPC) in line for line in lines):
        return _refusal(folder, f"{os.strerror(errno.ENOSPC)}.", FREE_SPACE)
    return errors.ServerError(what, why="\n".join(lines[-12:]), remedy=remedy)


def _refusal(folder: Path, why: str, remedy: str) -> errors.DataDirectoryUnusable:
    return errors.DataDirectoryUnusable(f"The data directory {folder} cannot be used.", why=why, remedy=remedy)


def _copy(source: Path, target: Path, account: Account) -> None:
    for folder, _, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(mode=0o700, exist_ok=True)
        account.own(place)
        for name in files:
            shutil.copyfile(Path(folder, name), place / name, follow_symlinks=False)
            (place / name).chmod(0o600)
            account.own(place / name)


def _hand_over(folder: Path, account: Account) -> None:
    for path in _walk(folder):
        account.own(path)


def _sync(folder: Path) -> None:
    """Flush the files to the disk, so that they are complete after a power failure.

    One call for the whole file system is much faster than one call for each of a thousand files (syncfs(2)).
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if sys.platform != "linux" or ctypes.CDLL(None).syncfs(descriptor) != 0:
            os.sync()
    finally:
        os.close(descriptor)


def _walk(folder: Path) -> Iterator[Path]:
    for place, _, files in os.walk(folder):
        yield Path(place)
        yield from (Path(place, name) for name in files)
