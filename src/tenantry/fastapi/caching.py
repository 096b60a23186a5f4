"""Responses that a cache must not store, because they contain a credential (RFC 6749, 5.1).

@router.post("/sign-in", dependencies=[NO_STORE])
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Response

__all__ = ["NO_STORE"]


async def _forbid(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


# For a route's `dependencies`.
NO_STORE: Any = Depends(_forbid)
