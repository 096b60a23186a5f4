"""The public keys of an identity provider (JWKS, RFC 7517), fetched when needed and kept for a while.

Invariant: no crowd of requests and no stream of forged key ids makes more than one fetch at a time, nor more than one
within the pause. Keys that are known stay in use while the provider does not answer: its outage is not ours.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt

__all__ = ["KeySet", "KeySetUnavailable", "check_url"]

logger = logging.getLogger(__name__)

LIFETIME = 3600.0
PAUSE = 30.0
TIMEOUT = 5.0
LARGEST = 512 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# A symmetric key in a public document would be known to everybody.
ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})


class KeySetUnavailable(Exception):
    """The provider's keys are needed and could not be fetched."""


def check_url(url: str) -> None:
    """Refuse a URL over which anybody on the way could put in a key.

    Raises:
        ValueError: it is not https, and not on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("keys are fetched over https only")


class KeySet:
    """Keys by id, fetched from `url` in a thread."""

    def __init__(self, url: str, *, lifetime: float = LIFETIME, pause: float = PAUSE) -> None:
        check_url(url)
        self._url = url
        self._lifetime = lifetime
        self._pause = pause
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id; without an id the only key there is.

        Raises:
            LookupError: there is no such key.
            KeySetUnavailable: no keys are known and none could be fetched.
        """
        found = self._find(key_id)
        if found is None or time.monotonic() - self._fetched_at > self._lifetime:
            await self._refresh()
            found = self._find(key_id)
        if found is None:
            if not self._keys:
                raise KeySetUnavailable("The identity provider's keys could not be fetched.")
            raise LookupError("No key has this id.")
        return found

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is not None:
            return self._keys.get(key_id)
        return next(iter(self._keys.values())) if len(self._keys) == 1 else None

    async def _refresh(self) -> None:
        async with self._lock:
            # Whoever waited for the lock finds that the work has just been done.
            if time.monotonic() - self._tried_at < self._pause:
                return
            self._tried_at = time.monotonic()
            try:
                self._keys = await asyncio.to_thread(_fetch, self._url)
                self._fetched_at = time.monotonic()
            except (OSError, ValueError, jwt.PyJWTError) as error:
                logger.warning("The keys of the identity provider could not be fetched: %s", type(error).__name__)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could leave https; the URL that was configured is the one that is asked."""

    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Follow nothing; urllib then raises HTTPError, which is an OSError."""


def _fetch(url: str) -> Mapping[str, jwt.PyJWK]:
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(url, timeout=TIMEOUT) as answer:
        document = json.loads(answer.read(LARGEST))
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("The document holds no list of keys.")  # noqa: TRY004  (one error for a bad document)
    usable = [one for one in entries if isinstance(one, dict) and _is_for_signatures(one)]
    return {str(one.get("kid", "")): jwt.PyJWK(one) for one in usable}


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    return entry.get("kty") in ASYMMETRIC and entry.get("use", "sig") == "sig"
