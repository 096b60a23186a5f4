"""The public keys of an identity provider (JWKS, RFC 7517), fetched when needed and cached.

Invariant: many requests, or requests with forged key ids, cause at most one fetch at a time and one fetch within
`pause`. While the provider does not answer, the cached keys stay in use.
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
# Symmetric keys are refused: anyone can read a key in a public document.
ASYMMETRIC = frozenset({"RSA", "EC", "OKP"})


class KeySetUnavailable(Exception):
    """The keys of the identity provider could not be fetched, and no keys are cached."""


def check_url(url: str) -> None:
    """Refuse a URL where an attacker in the network could insert a key.

    Raises:
        ValueError: the URL is neither https nor a loopback address.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("the URL of the keys must begin with https://")


class KeySet:
    """The keys at `url`, by id; a thread fetches them."""

    def __init__(self, url: str, *, lifetime: float = LIFETIME, pause: float = PAUSE) -> None:
        check_url(url)
        self._url = url
        self._lifetime = lifetime
        self._pause = pause
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id; without an id, the only key of the set.

        Raises:
            LookupError: the set has no such key.
            KeySetUnavailable: no keys are cached, and the fetch failed.
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
            # A request that waited for the lock finds that another one has just fetched the keys.
            if time.monotonic() - self._tried_at < self._pause:
                return
            self._tried_at = time.monotonic()
            try:
                self._keys = await asyncio.to_thread(_fetch, self._url)
                self._fetched_at = time.monotonic()
            except (OSError, ValueError, jwt.PyJWTError) as error:
                logger.warning("The keys of the identity provider could not be fetched: %s", type(error).__name__)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, because a redirect could lead to a URL without https."""

    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Return no request; urllib then raises HTTPError, which is an OSError."""


def _fetch(url: str) -> Mapping[str, jwt.PyJWK]:
    opener = urllib.request.build_opener(_NoRedirect)
    with opener.open(url, timeout=TIMEOUT) as answer:
        document = json.loads(answer.read(LARGEST))
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("The document has no list `keys`.")  # noqa: TRY004  (one error for a bad document)
    usable = [one for one in entries if isinstance(one, dict) and _is_for_signatures(one)]
    return {str(one.get("kid", "")): jwt.PyJWK(one) for one in usable}


def _is_for_signatures(entry: Mapping[str, Any]) -> bool:
    return entry.get("kty") in ASYMMETRIC and entry.get("use", "sig") == "sig"
