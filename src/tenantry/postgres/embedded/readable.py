"""PostgreSQL's programs where the server's account can run them.

Installed by root into a virtual environment below a home folder of mode 0700, they are out of the account's reach. The
home folder is not ours to open, so the programs are copied, once for each build, to a folder that only root can change.
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

CACHES = (Path("/var/cache/tenantry"), Path("/var/tmp/tenantry"))  # noqa: S108  # looked at before it is trusted.


def find_readable(binaries: Binaries, account: Account) -> Path:
    """Return a folder of programs that the account can run: the one given, or that of a copy.

    Raises:
        ServerError: we may not change to the account, or there is no place for a copy.
    """
    if account.uid is None or _can_run(binaries.folder, account):
        return binaries.folder
    installation = binaries.folder.parent
    reason = "No folder for it is writable for root alone, and open to all"
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
        reason = f"{cache}: the copy does not run there"
    raise errors.ServerError(
        "PostgreSQL's programs cannot be copied to where an unprivileged user can run them.",
        why=f"{reason}.",
        remedy=f"Make {CACHES[0]} writable for root, or run as an ordinary user.",
    )


def _can_run(folder: Path, account: Account) -> bool:
    """Try it: permissions, access lists and mount options all have their say."""
    # This one of the programs needs a library that may lie outside of the installation.
    program = str(folder / "initdb")
    try:
        done = subprocess.run(
            [program, "--version"], cwd="/", capture_output=True, check=False, **account.process_options()
        )
    except OSError as error:
        # Another name, or none, means that the step before the program was refused (subprocess, _execute_child).
        if error.filename != program:
            raise errors.ServerError(
                "PostgreSQL refuses to run as root, and this root may not become another user.",
                why=f"Changing to the number {account.uid}: {error.strerror}.",
                remedy="Grant the container CAP_SETUID and CAP_SETGID and 65536 users, or run as an ordinary user.",
            ) from error
        return False
    return done.returncode == 0


def _name(binaries: Binaries) -> str:
    """Name the build by its content: the same wheel in two environments needs one copy."""
    digest = hashlib.sha256(binaries.path("postgres").read_bytes()).hexdigest()
    return f"postgresql-{binaries.version}-{digest[:12]}"


def _caches() -> Iterator[Path]:
    for cache in CACHES:
        try:
            cache.mkdir(mode=0o755, exist_ok=True)
            entry = cache.lstat()
        except OSError:
            continue
        # In a place where everybody may make folders, somebody may have made this one before us.
        if stat.S_ISDIR(entry.st_mode) and entry.st_uid == 0 and not entry.st_mode & 0o022:
            yield cache


def _copy(installation: Path, copy: Path) -> None:
    """Copy an installation together with the libraries that wheels keep beside their package, in the same places."""
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
        # Another server may have put the same copy there meanwhile.
        if not copy.is_dir():
            raise
