"""Runs an ASGI application's lifespan around a test, as a server would (ASGI specification, Lifespan).

The lifespan has its own task from start to end. Some resources must be closed by the task that opened them, and the two
halves of a fixture run in different tasks.
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
    """Start the application, and shut it down at the end.

    Raises:
        Exception: the application's own exception from its startup or shutdown.
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
            remedy="Make the application with `service_app`, or let it answer lifespan.startup and lifespan.shutdown.",
        )
    message = answer.result()
    if message["type"] == f"lifespan.{phase}.failed":
        # Starlette raises the original error right after this message; that error has a traceback.
        await task
        raise errors.TenantryError(
            f"The application's {phase} failed.",
            why=str(message.get("message", "")),
            remedy="Correct the application's lifespan handler; the log of the test has its traceback.",
        )
