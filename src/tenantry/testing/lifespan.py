"""Runs an ASGI application's lifespan around a test, as a server would (ASGI specification, Lifespan).

The lifespan lives in a task of its own from start to end: what an application opens there may have to be closed by the
task that opened it, and a fixture's two halves run in different ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from tenantry import errors

__all__ = ["ASGIApp", "running"]

Message = MutableMapping[str, Any]
ASGIApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[None]:
    """Start the application, and shut it down on leaving.

    Raises:
        Exception: what the application raised while starting or ending, as it was raised.
    """
    to_app: asyncio.Queue[Message] = asyncio.Queue()
    from_app: asyncio.Queue[Message] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
    task = asyncio.ensure_future(app(scope, to_app.get, from_app.put))
    await _say("startup", to_app, from_app, task)
    try:
        yield
    finally:
        await _say("shutdown", to_app, from_app, task)
        await task


async def _say(
    phase: str, to_app: asyncio.Queue[Message], from_app: asyncio.Queue[Message], task: asyncio.Future[None]
) -> None:
    """Send one message and wait for the application's answer, or for its end."""
    await to_app.put({"type": f"lifespan.{phase}"})
    answer = asyncio.ensure_future(from_app.get())
    await asyncio.wait((answer, task), return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        await task
        raise errors.TenantryError(
            f"The application ended without an answer to lifespan.{phase}.",
            remedy="Check the application's lifespan handler, and the log of the test.",
        )
    message = answer.result()
    if message["type"] == f"lifespan.{phase}.failed":
        # Starlette raises right after it has said so; that error says more than its text.
        await task
        raise errors.TenantryError(
            f"The application's {phase} failed.",
            why=str(message.get("message", "")),
            remedy="Correct the application's lifespan handler; the log of the test has its traceback.",
        )
