"""A wire that can be cut, frozen and listened to, and a private server that asks for passwords.

The wire is a TCP proxy in front of a real PostgreSQL: what the network does to a connection, done on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenantry.address import TLS, Address, Host

SSL_REQUEST = 80877103


@dataclass
class Wire:
    """A TCP proxy to one server; `talk` holds what passed, as (sender, bytes)."""

    address: Address
    refuses_settings: bool = False
    # Promise another process than the one that will answer, as a pooler does.
    hides_backend: bool = False
    # Cut when the client says this: after the server has read it, or before.
    cut_on: bytes | None = None
    delivers: bool = True
    talk: list[tuple[str, bytes]] = field(default_factory=list)
    accepted: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def way(self) -> Address:
        """The server's address by way of this wire."""
        return self.address.replace(hosts=(Host("127.0.0.1", self.port),), tls=TLS("disable"))

    @property
    def round_trips(self) -> int:
        """How often the client spoke and then had to wait."""
        speakers = [speaker for speaker, _ in self.talk]
        return sum(
            1
            for before, now in zip(["server", *speakers], speakers, strict=False)
            if (before, now) == ("server", "client")
        )

    async def open(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def freeze(self) -> None:
        """Take every byte and every connection, and answer nothing."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def say_last_words(self) -> None:
        """Tell every client that it is ended (57P01), and let the end itself wait."""
        for writer in self._clients:
            writer.write(_fatal(b"57P01", b"terminating connection due to administrator command"))

    def mute(self) -> None:
        """Let the connections of now fall silent, for ever; those that come later are answered."""
        self._flowing.clear()
        self._flowing = asyncio.Event()
        self._flowing.set()

    def cut(self) -> None:
        """Reset every connection; new ones are taken."""
        for writer in list(self._writers):
            writer.transport.abort()

    def refuse(self) -> None:
        """Stop listening, and reset every connection."""
        assert self._server is not None
        self._server.close()
        self.cut()

    async def close(self) -> None:
        self.refuse()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._writers.add(writer)
        self._clients.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        flowing = self._flowing
        try:
            await flowing.wait()
            if self.refuses_settings and (first := await self._startup(reader, writer)) is None:
                return
            host = self.address.hosts[0]
            if host.is_socket:
                back = await asyncio.open_unix_connection(f"{host.name}/.s.PGSQL.{host.port}")
            else:
                back = await asyncio.open_connection(host.name, host.port)
            self._writers.add(back[1])
            if self.refuses_settings and first is not None:
                back[1].write(first)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump("client", reader, back[1], flowing))
                group.create_task(self._pump("server", back[0], writer, flowing))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        except ExceptionGroup as group_error:
            if group_error.split(OSError)[1]:
                raise
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _pump(
        self, speaker: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event
    ) -> None:
        while data := await reader.read(65536):
            await flowing.wait()
            self.talk.append((speaker, data))
            if self.hides_backend and speaker == "server" and (found := data.find(b"K\0\0\0\x0c")) >= 0:
                data = data[: found + 5] + struct.pack("!I", 1) + data[found + 9 :]
            is_cut = self.cut_on is not None and speaker == "client" and self.cut_on in data
            if not is_cut or self.delivers:
                writer.write(data)
                await writer.drain()
            if is_cut:
                # Long enough for the server to act; its answer is on the wire by then, and never read.
                self.freeze()
                await asyncio.sleep(0.1)
                self.cut_on = None
                self.cut()
                self.thaw()
        writer.transport.abort()

    async def _startup(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
        """Do as a pooler does: refuse the startup packet for a setting that it does not track."""
        length = await reader.readexactly(4)
        body = await reader.readexactly(struct.unpack("!I", length)[0] - 4)
        words = body[4:].split(b"\0")
        tracked = {b"user", b"database", b"application_name", b"client_encoding", b""}
        if set(words[::2]) <= tracked:
            return length + body
        writer.write(_fatal(b"08P01", b"unsupported startup parameter"))
        await writer.drain()
        return None


def _fatal(state: bytes, message: bytes) -> bytes:
    fields = b"SFATAL\0VFATAL\0C" + state + b"\0M" + message + b"\0\0"
    return b"E" + struct.pack("!I", len(fields) + 4) + fields


@pytest.fixture
async def wire(empty_database: Address) -> AsyncIterator[Wire]:
    """A wire to a fresh database."""
    line = Wire(empty_database)
    await line.open()
    yield line
    await line.close()


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


@pytest.fixture(scope="session")
def password_server() -> Iterator[PasswordServer]:
    """One private server a worker."""
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
    yield server
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


@pytest.fixture
def elapsed() -> Callable[[], float]:
    """Seconds since the test began, or since the last call."""
    marks = [time.monotonic()]

    def since() -> float:
        marks.append(time.monotonic())
        return marks[-1] - marks[-2]

    return since
