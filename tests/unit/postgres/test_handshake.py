from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tenantry.address import Host
from tenantry.postgres.handshake import Answer, ask, socket_path


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


AUTHENTICATED = message(b"R", b"\0\0\0\0")
PARAMETER = message(b"S", b"server_version\x0018.4\0")
READY = message(b"Z", b"I")
SCRAM = message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0")
STARTING = message(b"E", b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0")
NO_DATABASE = message(b"E", b"SFATAL\0VFATAL\0C3D000\0Mdatabase does not exist\0\0")


@pytest.fixture
def speak(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """A way to let somebody answer at a socket with given bytes, and then hang up."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(socket_path(tmp_path))
    listener.listen()
    threads = []

    def answer(*parts: bytes, pause: float = 0.0) -> Host:
        def serve() -> None:
            channel, _ = listener.accept()
            # The one who asked may have lost patience.
            with channel, contextlib.suppress(BrokenPipeError):
                channel.recv(1000)
                for part in parts:
                    time.sleep(pause)
                    channel.sendall(part)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return Host(str(tmp_path))

    yield answer
    for thread in threads:
        thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        pytest.param([AUTHENTICATED + PARAMETER + READY], Answer.READY, id="ready"),
        pytest.param(
            [AUTHENTICATED[:3], AUTHENTICATED[3:] + PARAMETER[:9], PARAMETER[9:] + READY], Answer.READY, id="in pieces"
        ),
        pytest.param([SCRAM], Answer.READY, id="password"),
        pytest.param([NO_DATABASE], Answer.READY, id="no database"),
        pytest.param([STARTING], Answer.NOT_YET, id="starting"),
        pytest.param([AUTHENTICATED + STARTING], Answer.NOT_YET, id="stopping"),
        pytest.param([AUTHENTICATED], Answer.NOT_YET, id="hung up"),
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n\r\n"], Answer.NOT_YET, id="another server"),
        pytest.param([b""], Answer.NOT_YET, id="silent"),
    ],
)
def test_an_answer_is_understood(speak: Callable[..., Host], parts: list[bytes], answer: Answer) -> None:
    """Also in pieces; logged in is not yet ready; a server that wants a password or has no such database serves."""
    assert ask(speak(*parts, pause=0.01)) is answer


def test_a_dead_socket_is_told_from_one_that_does_not_answer(tmp_path: Path) -> None:
    """The folder of a dead one may be removed."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(socket_path(tmp_path))
        listener.listen()
        assert ask(Host(str(tmp_path)), seconds=0.05) is Answer.NOT_YET
    assert ask(Host(str(tmp_path))) is Answer.NONE


def test_nobody_is_no_answer(tmp_path: Path) -> None:
    assert ask(Host(str(tmp_path))) is Answer.NONE
    assert ask(Host(str(tmp_path / ("long" * 40)))) is Answer.NONE


def test_the_time_counts_for_the_whole_answer(speak: Callable[..., Host]) -> None:
    """A server that dribbles does not get its time anew with every byte."""
    host = speak(*(AUTHENTICATED[i : i + 1] for i in range(5)), pause=0.1)
    begun = time.monotonic()
    assert ask(host, seconds=0.2) is Answer.NOT_YET
    assert time.monotonic() - begun < 0.4


def test_a_host_on_the_network_is_asked_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = Host("127.0.0.1", listener.getsockname()[1])

        def serve() -> None:
            channel, _ = listener.accept()
            with channel:
                assert b"user\0somebody\0database\0items\0" in channel.recv(1000)
                channel.sendall(AUTHENTICATED + READY)

        thread = threading.Thread(target=serve)
        thread.start()
        assert ask(host, user="somebody", database="items") is Answer.READY
        thread.join()
