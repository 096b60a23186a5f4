"""Slow and greedy clients: what they hold ends, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tenantry.fastapi.connection_limits import LimitedProtocol, largest_number
from tenantry.fastapi.serve import bind

DEADLINE = 0.5
HEAD = b"GET / HTTP/1.1\r\nHost: here\r\n"


class QuickProtocol(LimitedProtocol):
    head_deadline = DEADLINE


async def answer(request: object) -> PlainTextResponse:
    await asyncio.sleep(2 * DEADLINE)
    return PlainTextResponse("late")


async def at_once(request: object) -> PlainTextResponse:
    return PlainTextResponse("here")


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Starlette(routes=[Route("/", at_once), Route("/late", answer)])
    with bind("127.0.0.1", 0) as listener:
        config = uvicorn.Config(app, http=QuickProtocol, log_config=None, access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def read_all(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """Return what came until the server closed; a connection that it resets is closed as well."""
    with contextlib.suppress(ConnectionError):
        return await asyncio.wait_for(reader.read(), seconds)
    return b""


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, HEAD + b"X: " + b"a" * 100])
async def test_a_head_that_does_not_end_is_not_waited_for(port: int, sent: bytes) -> None:
    async with connected(port) as (reader, writer):
        writer.write(sent)
        assert await read_all(reader, 8 * DEADLINE) == b""


async def test_a_byte_now_and_then_does_not_move_the_deadline(port: int) -> None:
    async with connected(port) as (reader, writer):
        began = asyncio.get_running_loop().time()
        closed = asyncio.create_task(read_all(reader, 20 * DEADLINE))
        writer.write(HEAD + b"X: ")
        while not closed.done():
            writer.write(b"a")
            await asyncio.sleep(DEADLINE / 5)
        assert asyncio.get_running_loop().time() - began < 8 * DEADLINE


async def test_the_second_head_of_a_connection_has_a_deadline_too(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"\r\n" + HEAD)
        answered = await read_all(reader, 8 * DEADLINE)
        assert answered.count(b"200 OK") == 1


async def test_an_answer_may_take_longer_than_the_deadline(port: int) -> None:
    async with connected(port) as (reader, writer):
        writer.write(HEAD.replace(b"/ ", b"/late ") + b"Connection: close\r\n\r\n")
        assert b"late" in await read_all(reader, 20 * DEADLINE)


async def test_too_many_are_closed_and_the_process_goes_on(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond the number are closed at once; the others end at the deadline, and a request is answered again."""
    monkeypatch.setattr("tenantry.fastapi.connection_limits.LARGEST_NUMBER", 10)
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(connected(port)) for _ in range(40)]
        for _, writer in held:
            writer.write(HEAD)
        assert await asyncio.gather(*(read_all(reader, 10 * DEADLINE) for reader, _ in held)) == [b""] * 40
    async with connected(port) as (reader, writer):
        writer.write(HEAD + b"Connection: close\r\n\r\n")
        assert b"here" in await read_all(reader, 10 * DEADLINE)


def test_the_number_is_below_the_limit_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (300, 300))
    assert largest_number() == 200
