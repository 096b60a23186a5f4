"""The outermost middleware: the id and the access line of a request, and the answer to an unexpected exception.

Invariant: each request is logged once, with the template of its route, and without its query, headers or body. Each
response has `X-Request-ID`. When applications nest (a service inside a host), the outer middleware adds the id and the
access line, and the inner one only answers unexpected exceptions.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenantry.fastapi.failures import INTERNAL
from tenantry.fastapi.problems import problem_response
from tenantry.fastapi.request import RequestFacts, current_request, request_id_from, route_template

__all__ = ["RequestContext"]

logger = logging.getLogger("tenantry.access")

SCOPE_KEY = "tenantry.request"
FIRST_FAILURE = 400
# Probes run every second, so only their failures are logged at INFO.
PROBES = ("/livez", "/readyz", "/ready", "/health")


class RequestContext:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif SCOPE_KEY in scope:
            await self._answer(scope, receive, send)
        else:
            facts = RequestFacts(request_id_from(Headers(scope=scope).get("x-request-id")))
            scope[SCOPE_KEY] = facts
            token = current_request.set(facts)
            try:
                await self._observe(scope, receive, send, facts)
            finally:
                current_request.reset(token)

    async def _observe(self, scope: Scope, receive: Receive, send: Send, facts: RequestFacts) -> None:
        """Add the id to the response, and log the request."""
        began = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = facts.request_id
                # A browser must not take JSON for another type, such as a page.
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        try:
            await self._answer(scope, receive, send_with_id)
        finally:
            _log_access(scope, status, (time.perf_counter() - began) * 1000)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an unexpected exception with a problem; the framework would answer with plain text."""
        has_begun = False

        async def watch(message: Message) -> None:
            nonlocal has_begun
            has_begun = has_begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except Exception as error:
            if has_begun:
                # A part of the response was sent. The server closes the connection and logs the error.
                raise
            logger.exception("The request failed: %s", type(error).__name__, extra={"problem": INTERNAL.code})
            await problem_response(INTERNAL, instance=scope["path"])(scope, receive, send)


def _log_access(scope: Scope, status: int | None, duration_ms: float) -> None:
    template = route_template(dict(scope))
    facts: dict[str, Any] = {"method": scope["method"], "route": template, "status": status}
    facts["duration_ms"] = round(duration_ms, 1)
    if template is None:
        # No route matched. The path can still contain a secret, such as the token of a share link and a slash too many.
        facts["path"] = scope.get("root_path", "") + "/..."
    is_fine = status is not None and status < FIRST_FAILURE
    level = logging.DEBUG if is_fine and str(template).endswith(PROBES) else logging.INFO
    logger.log(level, "%s %s %s", scope["method"], template or facts["path"], status, extra=facts)
