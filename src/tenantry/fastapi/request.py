"""The facts of the request that is being answered, for logs and problems.

One mutable record a request, held by a context variable: what a dependency notes in it (the tenant) is still there when
the access line is written, after every unit of work has ended.
"""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

__all__ = ["RequestFacts", "current_request", "current_request_id", "note_tenant", "request_id_from", "route_template"]

# What may come back in a header and go into a log line without any quoting.
SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@dataclass(slots=True)
class RequestFacts:
    """What is known of a request beyond its own message."""

    request_id: str
    tenant: str | None = None


current_request: ContextVar[RequestFacts | None] = ContextVar("tenantry_request", default=None)


def current_request_id() -> str | None:
    """Return the id of the request that this task answers, or None outside of one."""
    facts = current_request.get()
    return facts.request_id if facts else None


def note_tenant(tenant: object) -> None:
    """Remember for the logs which tenant the request turned out to be for."""
    facts = current_request.get()
    if facts is not None:
        facts.tenant = str(tenant)


def request_id_from(header: str | None) -> str:
    """Return the caller's X-Request-ID when it is sane, else a new id."""
    return header if header and SANE_REQUEST_ID.fullmatch(header) else uuid.uuid4().hex


def route_template(scope: dict[str, Any]) -> str | None:
    """Return the template of the route that a request matched, prefixes and mounts included, or None.

    FastAPI keeps routes as a tree since 0.137: `scope["route"].path` is the path within the innermost router. The whole
    template stands in the effective context that the router leaves in the scope; the mount's part is `root_path`.
    """
    context = scope.get("fastapi", {}).get("effective_route_context") or scope.get("route")
    path = getattr(context, "path_format", None)
    if not isinstance(path, str):
        return None
    # `app_root_path` is what a proxy in front cut off; it is no part of our routes.
    mounted = str(scope.get("root_path", "")).removeprefix(str(scope.get("app_root_path", "")))
    return mounted + path
