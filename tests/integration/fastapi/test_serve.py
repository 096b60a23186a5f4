"""How the process starts, refuses to start, drains and ends: seen from outside, under our server and under uvicorn."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bookshop
import bookshop_api
import pytest

from tenantry import Address, errors
from tenantry.fastapi import host
from tenantry.fastapi.serve import bind, serve

SUPPORT = Path(bookshop_api.__file__).parent
OURS = """
import sys, bookshop_api
from tenantry.fastapi.serve import serve
sys.exit(serve(bookshop_api.create_host(), port={port}))
"""


@dataclass
class Program:
    """A server's process and what it says."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if self.get("/readyz") == 200:
                    return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f"It did not become ready: {self.log.read_text()}")

    def end(self) -> tuple[int, str]:
        """Return the exit status and all that it wrote."""
        return self.process.wait(timeout=30), self.log.read_text()


Start = Callable[..., Program]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a server in a process of its own: ours, or `uvicorn module:app`."""
    started: list[subprocess.Popen[bytes]] = []

    def run(address: Address, by: str = "ours", **variables: str) -> Program:
        port = free_port()
        settings = bookshop_api.settings_for(address)
        assert settings.database_url is not None
        assert settings.admin_database_url is not None
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(SUPPORT), os.environ.get("PYTHONPATH", "")]),
            "BOOKSHOP_DATABASE_URL": settings.database_url.get_secret_value(),
            "BOOKSHOP_ADMIN_DATABASE_URL": settings.admin_database_url.get_secret_value(),
            "BOOKSHOP_ENCRYPTION_KEYS": bookshop.KEYS.text.get_secret_value(),
            "BOOKSHOP_JWT_SECRET": bookshop_api.SECRET.get_secret_value(),
            **variables,
        }
        uvicorn = [sys.executable, "-m", "uvicorn", "--factory", "bookshop_api:create_host", "--port", str(port)]
        ours = [sys.executable, "-c", OURS.format(port=port)]
        # A file, not a pipe: nobody reads while it runs, and a full pipe would stop it.
        log = tmp_path / f"{port}.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(uvicorn if by == "uvicorn" else ours, env=environment, stderr=stderr)
        started.append(process)
        return Program(process, port, log)

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("by", ["ours", "uvicorn"])
def test_sigterm_drains_and_then_ends(start: Start, shop_address: Address, by: str) -> None:
    program = start(shop_address, by, BOOKSHOP_DRAIN_GRACE="1.5")
    program.wait_until_ready()
    program.process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    time.sleep(0.3)
    assert program.get("/readyz") == 503
    assert program.get("/livez") == 200
    assert program.get("/bookshop/livez") == 200
    status, written = program.end()
    assert time.monotonic() - began > 1.5
    # uvicorn ends by the signal that stopped it.
    assert status == (0 if by == "ours" else -signal.SIGTERM)
    assert "Traceback" not in written


@pytest.mark.parametrize("by", ["ours", "uvicorn"])
def test_ctrl_c_ends_at_once_and_without_a_traceback(start: Start, shop_address: Address, by: str) -> None:
    program = start(shop_address, by, BOOKSHOP_DRAIN_GRACE="60")
    program.wait_until_ready()
    began = time.monotonic()
    program.process.send_signal(signal.SIGINT)
    status, written = program.end()
    assert time.monotonic() - began < 5
    assert status == (130 if by == "ours" else 0)
    assert "Traceback" not in written


@pytest.mark.parametrize("by", ["ours", "uvicorn"])
def test_a_database_that_is_not_there_is_one_sentence(start: Start, shop_address: Address, by: str) -> None:
    port = free_port()
    url = f"postgresql://app:hunter2@127.0.0.1:{port}/shop?sslmode=disable"
    program = start(shop_address, by, BOOKSHOP_DATABASE_URL=url, BOOKSHOP_DATABASE_POOL_TIMEOUT="0.5")
    status, written = program.end()
    assert status != 0
    assert "hunter2" not in written
    if by == "uvicorn":
        assert "Traceback" not in written
        assert str(port) in written
    else:
        assert written.splitlines()[-1].startswith("tenantry.errors.DatabaseUnavailable")


@pytest.mark.parametrize("name", ["BOOKSHOP_JWT_SECRET", "BOOKSHOP_DRAIN_GRACE"])
def test_a_wrong_variable_is_named(start: Start, shop_address: Address, name: str) -> None:
    status, written = start(shop_address, "uvicorn", **{name: "wrong"}).end()
    assert status != 0
    assert name in written
    assert "Traceback" not in written


def test_its_logs_are_json_and_tell_each_request_once(start: Start, shop_address: Address) -> None:
    program = start(shop_address, "ours")
    program.wait_until_ready()
    program.get("/bookshop/authors?token=hunter2")
    program.process.send_signal(signal.SIGINT)
    _, written = program.end()
    lines = [json.loads(line) for line in written.splitlines()]
    (access,) = [line for line in lines if line.get("route") == "/bookshop/authors"]
    assert (access["method"], access["status"]) == ("GET", 401)
    assert len(access["request_id"]) == 32
    assert "hunter2" not in written


def test_a_port_in_use_is_said_before_anything_is_started() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(errors.PortInUse, match=f"Port {port} is in use") as raised:
            serve(host(), port=port)
    assert "PORT=9000 make up" in str(raised.value)


def test_an_address_that_is_not_ours_cannot_be_used() -> None:
    with pytest.raises(errors.ServerError, match="cannot be used"):
        bind("192.0.2.1", 0)


def test_a_port_that_was_just_left_can_be_used_again() -> None:
    with bind("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            first.accept()[0].close()
    with bind("127.0.0.1", port) as second:
        assert second.getsockname()[1] == port


def accepted_from(client: socket.socket) -> socket.socket:
    """Return this process's other end of a connection."""
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_socket():
            end = socket.socket(fileno=os.dup(int(entry.name)))
            # A socket that listens has no other end.
            with contextlib.suppress(OSError):
                if end.getpeername() == client.getsockname():
                    return end
            end.close()
    raise AssertionError("The server accepted no such connection.")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_answer_is_sent_without_delay(address: str) -> None:
    """An accepted connection has TCP_NODELAY. Without it, all but its first answers would take more than 40 ms."""
    port = free_port()
    delays: list[bool] = []

    def look() -> None:
        try:
            with socket.create_connection((address, port), timeout=10) as client:
                client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 200")
                with accepted_from(client) as accepted:
                    delays.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=look)
    assert serve(host(), port=port, address=address, on_ready=thread.start) == 130
    thread.join()
    assert delays == [False]


def test_ready_is_told_once_and_the_signal_handlers_are_put_back() -> None:
    told: list[bool] = []
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    def ready() -> None:
        told.append(True)
        os.kill(os.getpid(), signal.SIGINT)

    assert serve(host(), port=0, on_ready=ready) == 130
    assert told == [True]
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
