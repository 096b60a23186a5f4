from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from ai_agents.redis_check import redis_check
from tenantry import errors
from tenantry.fastapi.health import Check, Status

VARIABLE = "AI_AGENTS_REDIS_URL"


def check_of(url: str) -> Check:
    return redis_check(SecretStr(url), variable=VARIABLE)


@asynccontextmanager
async def listener(answer: bytes | None) -> AsyncIterator[str]:
    """Listen on a port, and answer each command with `answer`, or never."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            if answer is not None:
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://:hunter2@127.0.0.1:{server.sockets[0].getsockname()[1]}/0?protocol=2"


async def test_a_redis_that_is_silent_fails_within_the_deadline() -> None:
    async with listener(None) as url:
        check = check_of(url)
        began = time.monotonic()
        found = (await check())["connectivity"]
    assert found.status is Status.FAIL
    assert time.monotonic() - began < 1.2


async def test_a_redis_that_is_away_fails() -> None:
    async with listener(None) as url:
        pass
    found = (await check_of(url)())["connectivity"]
    assert found.status is Status.FAIL
    assert "hunter2" not in found.output


async def test_a_redis_that_refuses_the_password_fails() -> None:
    async with listener(b"-WRONGPASS hunter2\r\n") as url:
        found = (await check_of(url)())["connectivity"]
    assert found.status is Status.FAIL
    assert "hunter2" not in found.output


@pytest.mark.parametrize("url", ["http://:hunter2@host", "hunter2", "redis://host:hunter2"])
def test_a_wrong_url_names_the_variable_and_repeats_nothing(url: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=VARIABLE) as raised:
        check_of(url)
    assert "hunter2" not in str(raised.value)
