"""A real PgBouncer in front of a test server, run without privileges on a port of its own."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tenantry.address import TLS, Address, Host
from tenantry.postgres.handshake import socket_path

__all__ = ["running_pgbouncer"]

CONFIGURATION = """
[databases]
* = host={host.name} port={host.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users.txt
logfile = {folder}/log
pool_mode = {mode}
default_pool_size = {size}
"""
# Where Debian installs daemons; the PATH of an ordinary user leaves it out.
DAEMONS = ("/usr/sbin", "/usr/local/sbin")


def _program() -> str:
    found = shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", ""), *DAEMONS]))
    if found is None:
        reason = "needs the package pgbouncer"
        # In CI a test that is left out would look like one that passed.
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def _free_port() -> int:
    """Return a port that no outgoing connection is given, so that it is still free a moment later."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


@contextmanager
def running_pgbouncer(server: Address, *, mode: str, size: int) -> Iterator[Address]:
    """Run one in front of `server`, which knows the address's user, and yield the address by way of it."""
    program, folder, host = _program(), Path(tempfile.mkdtemp(prefix="tnb")), server.hosts[0]
    # PgBouncer refuses to run as root, and only the server's own user may enter the folder of its socket.
    user = Path(socket_path(host.name, host.port)).stat().st_uid if os.geteuid() == 0 else None
    port = _free_port()
    (folder / "users.txt").write_text(f'"{server.user}" ""\n')
    (folder / "ini").write_text(CONFIGURATION.format(host=host, port=port, folder=folder, mode=mode, size=size))
    if user is not None:
        for path in (folder, *folder.iterdir()):
            os.chown(path, user, user)
    process = subprocess.Popen([program, "--quiet", folder / "ini"], user=user, stderr=subprocess.DEVNULL)
    try:
        _wait(process, port, folder / "log")
        yield server.replace(hosts=(Host("127.0.0.1", port),), tls=TLS("prefer"))
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    pytest.fail(f"PgBouncer did not start: {log.read_text() if log.exists() else 'no log'}")
