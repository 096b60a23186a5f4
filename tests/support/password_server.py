"""A private PostgreSQL that asks for passwords and speaks TLS: the system's, for the wheel's has no TLS."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenantry.address import TLS, Address, Host

__all__ = ["PasswordServer", "running_password_server"]


@dataclass
class PasswordServer:
    """A PostgreSQL of our own: on TCP, asking for passwords, with TLS where its build has it."""

    programs: Path
    folder: Path
    port: int
    has_tls: bool
    start: Callable[[], subprocess.Popen[bytes]]

    def __post_init__(self) -> None:
        self.process = self.start()
        self.wait()

    @property
    def address(self) -> Address:
        hosts = (Host("127.0.0.1", self.port),)
        return Address(hosts, "postgres", "postgres", SecretStr("secret"), TLS("disable"))

    @property
    def local(self) -> Address:
        """By the Unix socket, where no password is asked."""
        return self.address.replace(hosts=(Host(str(self.folder), self.port),), password=None)

    def wait(self) -> None:
        """Return when it takes connections."""
        question = [str(self.programs / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port)]
        for _ in range(200):
            if subprocess.run(question, check=False).returncode == 0:
                return
            time.sleep(0.02)
        pytest.fail("The private server did not start.")

    def stop(self, number: signal.Signals) -> None:
        """End it: SIGINT is a fast shutdown, SIGQUIT an immediate one."""
        self.process.send_signal(number)
        self.process.wait()

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the postmaster and to all it started."""
        postmaster = self.process.pid
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(status.read_text().rpartition(")")[2].split()[1]) == postmaster:
                    os.kill(int(status.parent.name), number)
        os.kill(postmaster, number)


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("needs a PostgreSQL of the system: the wheel's has no TLS")
    return found[-1].parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_password_server() -> Iterator[PasswordServer]:
    """Run one while the context is open."""
    programs, folder, port = _programs(), Path(tempfile.mkdtemp(prefix="tnt")), _free_port()
    user = 65534 if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
    (folder / "password").write_text("secret")
    (folder / "password").chmod(0o644)
    run = {"user": user, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": "/"}
    options = ["-U", "postgres", "-A", "scram-sha-256", f"--pwfile={folder}/password", "--no-sync", "-E", "UTF8"]
    subprocess.run([programs / "initdb", "-D", folder / "data", *options], check=True, **run)  # type: ignore[call-overload]
    rules = folder / "data" / "pg_hba.conf"
    rules.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    tls = _certificate(folder / "data", user)
    settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "fsync": "off", **tls}
    start = [programs / "postgres", "-D", folder / "data"]
    start += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = PasswordServer(programs, folder, port, bool(tls), lambda: subprocess.Popen(start, **run))  # type: ignore[call-overload]
    try:
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(folder)


def _certificate(folder: Path, user: int | None) -> dict[str, str]:
    """Make a certificate for `localhost`, which is its own authority."""
    if shutil.which("openssl") is None:
        return {}
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-out", str(folder / "server.crt"), "-keyout", str(folder / "server.key")]
    command = ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    for name in ("server.crt", "server.key"):
        (folder / name).chmod(0o600 if name.endswith("key") else 0o644)
        if user is not None:
            os.chown(folder / name, user, user)
    return {"ssl": "on"}
