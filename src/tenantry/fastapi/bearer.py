"""The bearer credential of a request, by the grammar of RFC 6750."""

from __future__ import annotations

import re

from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import HTTPConnection

__all__ = ["BearerScheme"]

# RFC 9110, 11.4: one or more spaces between the scheme, in any case, and the credential.
_HEADER = re.compile(r"(bearer) +([^ ].*)", re.IGNORECASE | re.ASCII | re.DOTALL)


class BearerScheme(HTTPBearer):
    """A dependency on the credential of `Authorization: Bearer <credential>`; None without one.

    FastAPI's own class removes every character from the end of a credential that Unicode calls a space, such as U+00A0.
    Then several credentials are the same. This class keeps them, so that their verification fails.
    """

    def __init__(self, *, bearer_format: str, description: str) -> None:
        # `auto_error` is off: the caller answers a missing credential with a problem of its own.
        super().__init__(
            bearerFormat=bearer_format, scheme_name="HTTPBearer", description=description, auto_error=False
        )

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        """Return the credential of the request."""
        found = _HEADER.fullmatch(request.headers.get("Authorization", ""))
        return HTTPAuthorizationCredentials(scheme=found[1], credentials=found[2]) if found else None
