"""The health paths, for a service below its path and for the host at the root.

| path | runs the checks | 503 |
|---|---|---|
| `/livez` | no | never: a restart would not help |
| `/readyz`, `/ready`, `/health/ready` | yes | when a check fails, and while draining |
| `/health` | yes | never: "warn" is its worst status, so that a container's restart policy can use it |
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tenantry.fastapi.health import MEDIA_TYPE, Report, health_response

__all__ = ["health_router"]

_CONTENT = {MEDIA_TYPE: {"schema": {"type": "object", "required": ["status"]}}}
_FINE: dict[int | str, dict[str, Any]] = {200: {"description": "The process answers.", "content": _CONTENT}}
_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready to serve.", "content": _CONTENT}}


def health_router(measure: Callable[[Request], Awaitable[Report]]) -> APIRouter:
    """Return the health routes; `measure` makes the readiness report."""
    router = APIRouter(tags=["health"], default_response_class=Response)

    @router.get("/livez", summary="Read liveness", responses=_FINE)
    async def livez() -> Response:
        return health_response(Report())

    async def readyz(request: Request) -> Response:
        return health_response(await measure(request))

    async def health(request: Request) -> Response:
        return health_response(await measure(request), always_ok=True)

    for path in ("/readyz", "/ready", "/health/ready"):
        router.add_api_route(path, readyz, summary="Read readiness", responses={**_FINE, **_NOT_READY})
    router.add_api_route("/health", health, summary="Read health", responses=_FINE)
    return router
