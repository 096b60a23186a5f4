"""A wire that can be cut, frozen and listened to, and a private server that asks for passwords (see support).

The wire is a TCP proxy in front of a real PostgreSQL: what the network does to a connection, done on purpose.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from password_server import PasswordServer, running_password_server

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
    # Fall silent when the client says this, for the connections of now; later ones are answered.
    mute_on: bytes | None = None
    talk: list[tuple[str, bytes]] = field(default_factory=list)
    accepted: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.is_muted = asyncio.Event()
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
        self.is_muted.set()

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
            is_muted = self.mute_on is not None and speaker == "client" and self.mute_on in data
            is_cut = self.cut_on is not None and speaker == "client" and self.cut_on in data
            if is_muted:
                self.mute()
            if not (is_cut or is_muted) or self.delivers:
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


@pytest.fixture(scope="session")
def password_server() -> Iterator[PasswordServer]:
    """One private server a worker."""
    with running_password_server() as server:
        yield server


@pytest.fixture
def elapsed() -> Callable[[], float]:
    """Seconds since the test began, or since the last call."""
    marks = [time.monotonic()]

    def since() -> float:
        marks.append(time.monotonic())
        return marks[-1] - marks[-2]

    return since
