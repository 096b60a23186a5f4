"""The public keys of an identity provider (JWKS, RFC 7517), fetched when needed and cached.

PyJWT reads the keys; ADR 0020 says why its client does not fetch them. Invariants: many requests, or requests with
forged key ids, cause at most one fetch at a time and one fetch within `pause`. A request with a known key never waits
for the provider. While the provider does not answer, the cached keys stay in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
import logging
import threading
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
ASYMMETRIC = ("RSA", "EC", "OKP")


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
    """The keys at `url`, by id; a thread fetches them. `timeout` limits how long a request waits for a fetch."""

    def __init__(self, url: str, *, lifetime: float = LIFETIME, pause: float = PAUSE, timeout: float = TIMEOUT) -> None:
        check_url(url)
        self._url = url
        self._lifetime = lifetime
        self._pause = pause
        self._timeout = timeout
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched_at = self._tried_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    async def key(self, key_id: str | None) -> jwt.PyJWK:
        """Return the key with this id; without an id, the only key of the set.

        Raises:
            LookupError: the set has no such key.
            KeySetUnavailable: no keys are cached, and the fetch failed.
        """
        found = self._find(key_id)
        if found is not None:
            if time.monotonic() - self._fetched_at > self._lifetime:
                self._refresh()
            return found
        fetch = self._refresh()
        if fetch is not None:
            # Unlike wait_for(), wait() does not cancel the fetch, for which other requests wait too.
            await asyncio.wait({fetch}, timeout=self._timeout)
        found = self._find(key_id)
        if found is None:
            if not self._keys:
                raise KeySetUnavailable("The identity provider's keys could not be fetched.")
            raise LookupError("No key has this id.")
        return found

    def _find(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is not None:
            return next((key for key in self._keys if key.key_id == key_id), None)
        return self._keys[0] if len(self._keys) == 1 else None

    def _refresh(self) -> asyncio.Task[None] | None:
        """Return the running fetch, or a new one; None when the last fetch is less than `pause` ago."""
        if self._fetch is None or self._fetch.done():
            if time.monotonic() - self._tried_at < self._pause:
                return None
            self._tried_at = time.monotonic()
            # In an empty context, so that its log lines do not name the request that caused it.
            self._fetch = asyncio.create_task(self._fetch_keys(), context=contextvars.Context())
        return self._fetch

    async def _fetch_keys(self) -> None:
        """Replace the keys by those of the document; after any failure keep them."""
        try:
            self._keys = await _in_thread(self._url, self._timeout)
            self._fetched_at = time.monotonic()
        except Exception as error:  # noqa: BLE001  (a document from outside can raise anything, RecursionError too)
            logger.warning("The keys of the identity provider could not be fetched: %s", type(error).__name__)


async def _in_thread(url: str, timeout: float) -> tuple[jwt.PyJWK, ...]:  # noqa: ASYNC109
    """Fetch in a daemon thread: asyncio's own threads would delay the end of the process until the provider answers."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[jwt.PyJWK, ...]] = loop.create_future()

    def settle(keys: tuple[jwt.PyJWK, ...], error: Exception | None) -> None:
        if not answer.done():
            answer.set_result(keys) if error is None else answer.set_exception(error)

    def fetch() -> None:
        keys: tuple[jwt.PyJWK, ...] = ()
        failure = None
        try:
            keys = _usable_keys(_download(url, timeout))
        except Exception as error:  # noqa: BLE001  (the future passes it on)
            failure = error
        # The application may have ended in the meantime, and its loop with it.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, keys, failure)

    threading.Thread(target=fetch, name="tenantry-key-set", daemon=True).start()
    return await answer


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, because a redirect could lead to a URL without https."""

    def redirect_request(self, *_request: Any, **_more: Any) -> None:
        """Return no request; urllib then raises HTTPError, which is an OSError."""


def _open(url: str, timeout: float) -> Any:
    try:
        return urllib.request.build_opener(_NoRedirect).open(url, timeout=timeout)
    except urllib.error.HTTPError as error:
        # This error is also the answer of the server, and its connection is open.
        error.close()
        raise


def _download(url: str, timeout: float) -> Any:
    """Return the document. `timeout` limits each step of the connection, and then the whole body."""
    body = b""
    with _open(url, timeout) as answer:
        ends = time.monotonic() + timeout
        # read1() returns what has arrived. read() would wait for the whole body of a server that sends it byte by byte.
        while part := answer.read1(LARGEST):
            body += part
            if len(body) > LARGEST or time.monotonic() > ends:
                raise ValueError("The document is too large or arrives too slowly.")
    return json.loads(body)


def _usable_keys(document: Any) -> tuple[jwt.PyJWK, ...]:
    """Return the keys that can verify a signature, and ignore all others (RFC 7517, 5)."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("The document has no list `keys`.")  # noqa: TRY004  (one error for a bad document)
    found = (_usable_key(entry) for entry in entries if isinstance(entry, dict))
    return tuple(key for key in found if key is not None)


def _usable_key(entry: Mapping[str, Any]) -> jwt.PyJWK | None:
    if entry.get("use", "sig") != "sig" or entry.get("kty") not in ASYMMETRIC:
        return None
    try:
        key = jwt.PyJWK(dict(entry))
        weakness = key.Algorithm.check_key_length(key.key)
        # A published private key is no secret any more.
        weakness = "it is a private key" if "d" in entry else weakness
    except Exception as error:  # noqa: BLE001  (PyJWT and cryptography refuse a key by exceptions of many classes)
        weakness = type(error).__name__
    if weakness is not None:
        logger.warning("A key of the identity provider is ignored: %s", weakness)
        return None
    return key
