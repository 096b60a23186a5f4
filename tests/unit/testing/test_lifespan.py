from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.applications import Starlette

from tenantry import errors
from tenantry.testing.lifespan import running


def make_app(told: list[Any], *, fails: str = "") -> Starlette:
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        if fails == "startup":
            raise ValueError("no database")
        told.append(asyncio.current_task())
        yield
        told.append(asyncio.current_task())
        if fails == "shutdown":
            raise ValueError("no end")

    return Starlette(lifespan=lifespan)


async def test_both_ends_happen_in_one_task() -> None:
    """A task group that is opened at the start must be closed by the task that opened it."""
    told: list[Any] = []
    async with running(make_app(told)):
        assert len(told) == 1
    assert len({*told}) == 1
    assert told[0] is not asyncio.current_task()


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
async def test_a_failure_is_raised_as_it_was(phase: str) -> None:
    with pytest.raises(ValueError, match=r"no (database|end)"):
        async with running(make_app([], fails=phase)):
            pass


async def test_a_failure_that_is_only_said_is_raised_too() -> None:
    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no keys"})

    with pytest.raises(errors.TenantryError, match=r"startup failed.*no keys"):
        async with running(app):
            pass


async def test_an_application_that_knows_no_lifespan_is_an_error() -> None:
    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        assert scope["type"] == "lifespan"

    with pytest.raises(errors.TenantryError, match="without an answer"):
        async with running(app):
            pass
