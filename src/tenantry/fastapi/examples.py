"""Requests worth trying, as lines for a shell, each in the name of one of the demonstration's people.

ask = Examples(url, {"ada": token})
yield ask.ready
yield "Who am I?", ask.line("/me", "ada")
"""

from __future__ import annotations

import hashlib
import hmac
import json
import shlex
import uuid
from collections.abc import Mapping

from pydantic import SecretStr

__all__ = ["Examples", "curl", "derived_id"]


class Examples:
    """Makes the lines for one service at `url` (`http://127.0.0.1:8000/accounts`); `tokens` are people's, by name."""

    def __init__(self, url: str, tokens: Mapping[str, object] | None = None) -> None:
        self._url = url
        self._tokens = tokens or {}

    @property
    def ready(self) -> tuple[str, str]:
        """The example that every service has."""
        return "Is it ready, and the database connected?", self.line("/health/ready")

    def line(
        self,
        path: str,
        name: str = "",
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> str:
        """Return the curl line of a request to the service, with the token of whom `name` is; see `curl`."""
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


def derived_id(secret: SecretStr, name: str) -> uuid.UUID:
    """Return the id of something that is called `name`: the same at every start, and nobody's who has another secret.

    For the credentials of a demonstration, which must not open any other one.
    """
    digest = hmac.digest(secret.get_secret_value().encode(), name.encode(), hashlib.sha256)
    return uuid.UUID(bytes=digest[:16], version=4)
