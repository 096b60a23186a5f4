"""Example requests of a demonstration, as curl lines for a shell.

ask = Examples(url, {"ada": token})
yield ask.ready
yield "Who am I?", ask.line("/me", "ada")
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

__all__ = ["Examples", "curl"]


class Examples:
    """Makes curl lines for a service at `url` (`http://127.0.0.1:8000/accounts`); `tokens` are by the user's name."""

    def __init__(self, url: str, tokens: Mapping[str, object] | None = None) -> None:
        self._url = url
        self._tokens = tokens or {}

    @property
    def ready(self) -> tuple[str, str]:
        """The example that asks for readiness."""
        return "Is it ready, and the database connected?", self.line("/health/ready")

    def line(
        self,
        path: str,
        name: str = "",
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Return the curl line of a request to the service, with the token of the user `name`; see `curl`."""
        bearer = {"Authorization": f"Bearer {self._tokens[name]}"} if name else {}
        return curl(self._url + path, {**bearer, **(headers or {})}, body)


def curl(url: str, headers: Mapping[str, str] | None = None, body: Mapping[str, object] | None = None) -> str:
    """Return the curl line of a request, quoted for a shell; with a body it is a POST."""
    words = ["curl", "-i", url]
    for name, value in (headers or {}).items():
        words += ["-H", f"{name}: {value}"]
    if body is not None:
        words += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return shlex.join(words)
