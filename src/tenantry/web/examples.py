"""Requests worth trying, as lines for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

__all__ = ["curl"]


def curl(url: str, headers: Mapping[str, str] | None = None, body: Mapping[str, object] | None = None) -> str:
    """Return the curl line of a request, quoted for a shell; with a body it is a POST."""
    words = ["curl", "-i", url]
    for name, value in (headers or {}).items():
        words += ["-H", f"{name}: {value}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return shlex.join(words)
