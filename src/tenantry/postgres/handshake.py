"""Ask a server if it accepts connections, with the first message of the protocol (manual, 54.2 and 54.7).

This needs no driver and no event loop, so it works from any thread, also while the caller's event loop runs.
"""

from __future__ import annotations

import contextlib
import enum
import socket
import struct
import time
from pathlib import Path

from tenantry.address import Host

__all__ = ["LONGEST_SOCKET_PATH", "Answer", "ask", "socket_path"]

PROTOCOL_3_0 = 196608
CANNOT_CONNECT_NOW = b"C57P03"
TERMINATE = struct.pack("!cI", b"X", 4)

# The path in sockaddr_un has 108 bytes with its NUL on Linux, 104 on macOS (unix(7)). The shorter limit fits both.
LONGEST_SOCKET_PATH = 103


class Answer(enum.Enum):
    """The answer of a server: it accepts connections, it listens but does not accept them yet, or no server listens."""

    READY = "ready"
    NOT_YET = "not yet"
    NONE = "none"


def socket_path(folder: Path | str, port: int = 5432) -> str:
    """Return the path of the socket that a server creates in `folder`."""
    return f"{folder}/.s.PGSQL.{port}"


def ask(host: Host, *, user: str = "postgres", database: str = "postgres", seconds: float = 1.0) -> Answer:
    """Connect to `host` as `user` and return the server's answer within `seconds`.

    A server that requests a password, or refuses this user, counts as ready.
    """
    deadline = time.monotonic() + seconds
    try:
        channel = _connect(host, seconds)
    except TimeoutError:
        return Answer.NOT_YET
    except OSError:
        return Answer.NONE
    with channel, contextlib.suppress(OSError):
        channel.sendall(_startup_message(user, database))
        return _read_answer(channel, deadline)
    return Answer.NOT_YET


def _connect(host: Host, seconds: float) -> socket.socket:
    if not host.is_socket:
        return socket.create_connection((host.name, host.port), timeout=seconds)
    channel = socket.socket(socket.AF_UNIX)
    channel.settimeout(seconds)
    try:
        channel.connect(socket_path(host.name, host.port))
    except BaseException:
        channel.close()
        raise
    return channel


def _startup_message(user: str, database: str) -> bytes:
    words = ("user", user, "database", database, "application_name", "tenantry")
    body = struct.pack("!I", PROTOCOL_3_0) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return struct.pack("!I", len(body) + 4) + body


def _read_answer(channel: socket.socket, deadline: float) -> Answer:
    """Read up to ReadyForQuery, so that the server does not log an unexpected end of the connection."""
    while True:
        kind, body = _read_message(channel, deadline)
        if kind == b"E":
            return Answer.NOT_YET if CANNOT_CONNECT_NOW in body.split(b"\0") else Answer.READY
        is_asking_for_password = kind == b"R" and body != b"\0\0\0\0"
        if kind == b"Z" or is_asking_for_password:
            # The answer counts even if the server has already closed the connection.
            with contextlib.suppress(OSError):
                channel.sendall(TERMINATE)
            return Answer.READY


def _read_message(channel: socket.socket, deadline: float) -> tuple[bytes, bytes]:
    head = _read(channel, 5, deadline)
    (length,) = struct.unpack("!I", head[1:])
    # A longer message does not come from PostgreSQL: its first messages have a few hundred bytes.
    if not 4 <= length <= 1 << 16:  # noqa: PLR2004  # the length includes its own four bytes
        raise ConnectionError("The answer is not in the protocol of PostgreSQL.")
    return head[:1], _read(channel, length - 4, deadline)


def _read(channel: socket.socket, size: int, deadline: float) -> bytes:
    data = b""
    while len(data) < size:
        channel.settimeout(max(deadline - time.monotonic(), 0.001))
        part = channel.recv(size - len(data))
        if not part:
            raise ConnectionError("The server closed the connection.")
        data += part
    return data
