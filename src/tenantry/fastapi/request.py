"""Facts about the current request, for logs and problems.

A context variable holds one mutable record per request. A dependency notes the tenant in it, and the access line can
use the tenant after all units of work have ended.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["RequestFacts", "current_request", "current_request_id", "note_tenant", "request_id_from", "route_template"]

# Safe in a response header and in a log line without quoting.
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestFacts:
    """The id of a request, and its tenant."""

    request_id: str
    tenant: str | None = None


current_request: ContextVar[RequestFacts | None] = ContextVar("tenantry_request", default=None)


def current_request_id() -> str | None:
    """Return the id of the current request, or None outside of a request."""
    facts = current_request.get()
    return facts.request_id if facts else None


def note_tenant(tenant: object) -> None:
    """Note the tenant of the current request, for the logs."""
    facts = current_request.get()
    if facts is not None:
        facts.tenant = str(tenant)


def request_id_from(header: str | None) -> str:
    """Return the caller's X-Request-ID when it is safe, and a new id otherwise."""
    return header if header and SANE_REQUEST_ID.fullmatch(header) else uuid.uuid4().hex


def route_template(scope: dict[str, Any]) -> str | None:
    """Return the template of the matched route with prefixes and mounts, or None.

    Since FastAPI 0.137 routes are a tree: `scope["route"].path` is the path within the innermost router. The router
    stores the whole template in the effective context of the scope; `root_path` is the part of the mount.
    """
    context = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path = getattr(context, "path_format", None)
    if not isinstance(path, str):
        return None
    # A proxy removed `app_root_path`, so it does not belong to the route.
    mounted = str(scope.get("root_path", "")).removeprefix(str(scope.get("app_root_path", "")))
    return mounted + path
