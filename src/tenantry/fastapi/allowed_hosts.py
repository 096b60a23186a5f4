"""Refuses requests whose Host header names a host that the service does not have.

A page of another site can resolve its own name to this address (DNS rebinding): the browser then sends that page's
requests here, with the other name in Host. The health paths are exempt, since probes address a process by its number.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from tenantry.fastapi.problems import Answer, problem_response

__all__ = ["LOOPBACK", "AllowedHosts"]

# The names under which a browser on this machine reaches it.
LOOPBACK = "localhost,127.0.0.1,[::1]"
REFUSED = Answer(400, "host_not_allowed", "The Host header names a host that this service does not serve.")
EXEMPT = ("/livez", "/readyz")


class AllowedHosts:
    """ASGI middleware; `allowed` returns the names with commas, `*` for all, `*.example.com` for all below a domain."""

    def __init__(self, app: ASGIApp, allowed: Callable[[], str]) -> None:
        self.app = app
        self.allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 400."""
        if scope["type"] == "http" and not self._is_allowed(scope):
            await problem_response(REFUSED, instance=scope["path"])(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        allowed = self.allowed()
        if allowed == "*" or scope["path"] in EXEMPT:
            return True
        name = _without_port(Headers(scope=scope).get("host", "")).lower()
        for pattern in allowed.lower().split(","):
            one = pattern.strip()
            if one in {"*", name} or (one.startswith("*.") and name.endswith(one[1:])):
                return bool(name) or one == "*"
        return False


def _without_port(host: str) -> str:
    """Return the name; an IPv6 address keeps its brackets."""
    end = host.find("]") + 1
    return host[:end] if end else host.partition(":")[0]
