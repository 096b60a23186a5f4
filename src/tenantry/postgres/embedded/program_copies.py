"""Find or copy PostgreSQL's programs, so that the server's account can run them.

If root installed them into a virtual environment below a home folder of mode 0700, the account cannot reach them. The
mode of the home folder is not changed. Instead, the programs are copied once for each build to a folder that only root
can change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tenantry import errors
from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded.account import Account

__all__ = ["find_readable"]

CACHES = (Path("/var/cache/tenantry"), Path("/var/tmp/tenantry"))  # noqa: S108  # checked before use


def find_readable(binaries: Binaries, account: Account) -> Path:
    """Return a folder of programs that the account can run: the given folder or a copy.

    Raises:
        ServerError: this process may not change to the account, or no folder for a copy is usable.
    """
    if account.uid is None or _can_run(binaries.folder, account):
        return binaries.folder
    installation = binaries.folder.parent
    folders = " and ".join(map(str, CACHES))
    reason = f"A copy needs a folder that is writable for root alone and readable for all users; {folders} are not"
    for cache in _caches():
        copy = cache / _name(binaries)
        try:
            if not copy.is_dir():
                _copy(installation, copy)
        except OSError as error:
            reason = f"{cache}: {error.strerror}"
            continue
        folder = copy / installation.parent.name / installation.name / binaries.folder.name
        if _can_run(folder, account):
            return folder
        reason = f"The copy in {cache} does not run"
    raise errors.ServerError(
        f"The user id {account.uid} cannot run PostgreSQL's programs in {binaries.folder}, and copying them failed.",
        why=f"{reason}.",
        remedy=f"Make {CACHES[0]} writable for root, or run as an ordinary user.",
    )


def _can_run(folder: Path, account: Account) -> bool:
    """Run a program to find out, because permissions, access lists and mount options all matter."""
    # `initdb` needs a library that may be outside the installation.
    program = str(folder / "initdb")
    try:
        done = subprocess.run(
            [program, "--version"], cwd="/", capture_output=True, check=False, **account.process_options()
        )
    except OSError as error:
        # Another filename means that a step before the program failed (subprocess, _execute_child).
        if error.filename != program:
            raise errors.ServerError(
                "PostgreSQL refuses to run as root, and this process may not change to another user.",
                why=f"The change to the user id {account.uid} failed: {error.strerror}.",
                remedy="Grant the container CAP_SETUID, CAP_SETGID and 65536 user ids, or run as an ordinary user.",
            ) from error
        return False
    return done.returncode == 0


def _name(binaries: Binaries) -> str:
    """Return a name from the build's content, so that two environments with the same wheel share a copy."""
    digest = hashlib.sha256(binaries.path("postgres").read_bytes()).hexdigest()
    return f"postgresql-{binaries.version}-{digest[:12]}"


def _caches() -> Iterator[Path]:
    for cache in CACHES:
        try:
            cache.mkdir(mode=0o755, exist_ok=True)
            entry = cache.lstat()
        except OSError:
            continue
        # In a folder that every user can write to, another user may have created this one first.
        if stat.S_ISDIR(entry.st_mode) and entry.st_uid == 0 and not entry.st_mode & 0o022:
            yield cache


def _copy(installation: Path, copy: Path) -> None:
    """Copy an installation and the libraries beside its package, at the same relative paths."""
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    draft = Path(tempfile.mkdtemp(prefix="unfinished-", dir=copy.parent))
    try:
        no_need = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(installation, draft / package.name / installation.name, ignore=no_need)
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        for folder, _, files in os.walk(draft):
            Path(folder).chmod(0o755)
            for file in (Path(folder, name) for name in files):
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)
        draft.rename(copy)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        # Another process may have created the same copy meanwhile.
        if not copy.is_dir():
            raise
