"""A limit on the size of a request's body, with a problem as the answer.

Starlette's limit answers in plain text. This middleware refuses a too large Content-Length before it reads the body,
and a body without Content-Length when it exceeds the limit.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry.fastapi.problems import Answer, problem_response

__all__ = ["DEFAULT_LIMIT", "BodyLimit"]

DEFAULT_LIMIT = 1024 * 1024
TOO_LARGE = 413
LONGEST_NUMBER = 20


class BodyLimit:
    """ASGI middleware that passes at most `limit` bytes of a body to the application."""

    def __init__(self, app: ASGIApp, limit: int = DEFAULT_LIMIT) -> None:
        self.app = app
        self.limit = limit
        self.sentence = f"A body must not have more than {limit} bytes."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 413, or pass the request on and count its body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _declared_length(scope) > self.limit:
            answer = Answer(TOO_LARGE, "content_too_large", self.sentence)
            await problem_response(answer, instance=scope["path"])(scope, receive, send)
            return
        seen = 0

        async def receive_within_limit() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.limit:
                # FastAPI passes on only an HTTPException while it reads the body.
                raise HTTPException(TOO_LARGE, self.sentence)
            return message

        await self.app(scope, receive_within_limit, send)


def _declared_length(scope: Scope) -> int:
    """Return the Content-Length, or 0 without one; the server refuses a value that is not a number."""
    declared = Headers(scope=scope).get("content-length", "")
    return int(declared[:LONGEST_NUMBER]) if declared.isascii() and declared.isdigit() else 0
