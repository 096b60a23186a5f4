"""Signatures of webhooks: HMAC-SHA256 of the raw body, in the header `X-Signature: sha256=<hex>`.

Invariants. The verification uses the bytes that were received, never a body that was parsed and serialised again. Its
time does not depend on how much of the signature, or which key, is correct.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable

__all__ = ["HEADER", "is_signed", "sign"]

HEADER = "X-Signature"
_FORM = re.compile(r"sha256=([0-9a-fA-F]{64})")


def sign(body: bytes, key: bytes) -> str:
    """Return the header's value for a body; for senders, the demonstration and the tests."""
    return "sha256=" + hmac.digest(key, body, hashlib.sha256).hex()


def is_signed(body: bytes, header: str | None, keys: Iterable[bytes]) -> bool:
    """Return whether `header` is the signature of `body` with one of `keys`; a rotation has several valid keys.

    All keys are tried, even after a match. An empty key never matches, because anyone could sign with it.
    """
    match = _FORM.fullmatch(header or "")
    given = bytes.fromhex(match[1]) if match else bytes(hashlib.sha256().digest_size)
    is_valid = False
    for key in keys:
        is_valid |= hmac.compare_digest(hmac.digest(key, body, hashlib.sha256), given) and bool(key)
    return is_valid and match is not None
