"""Keys that seal values before they reach the database: AES-256-GCM (NIST SP 800-38D).

A sealed text opens only under its own key and with the associated data it was sealed with, so a value that was copied
to another row, column or tenant does not open. The text is `v1.<key id>.<base64url of nonce and ciphertext>`. The first
key of the ring seals, all of them open: a new key is added first, and the old one stays until nothing needs it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tenantry import errors
from tenantry.secrets.keys import KEY_ID, Keys

VERSION = "v1"
# A random 96-bit nonce keeps one key safe for 2**32 values (SP 800-38D, 8.3).
NONCE_BYTES = 12


class KeyRing(Keys):
    """Keys that encrypt, by id, one of them current. Its repr shows the ids only."""

    __slots__ = ("_ciphers",)

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        super().__init__(keys, current)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}

    def seal(self, plaintext: bytes, associated: bytes) -> str:
        """Encrypt under the current key; `associated` says where the value belongs and is not stored."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._ciphers[self.current].encrypt(nonce, plaintext, _bind(self.current, associated))
        return f"{VERSION}.{self.current}.{_encode(nonce + ciphertext)}"

    def open(self, sealed: str, associated: bytes) -> bytes:
        """Decrypt what `seal` made for the same place.

        Raises:
            DecryptionFailed: the text is damaged, belongs elsewhere, or its key is not in the ring.
        """
        name, payload = _split(sealed)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise errors.DecryptionFailed(
                f"A sealed value needs key {name}, which is not in the ring.",
                remedy="Keep a replaced key behind the current one until every value is sealed again.",
            )
        try:
            return cipher.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], _bind(name, associated))
        except InvalidTag as error:
            raise errors.DecryptionFailed(
                f"A value sealed with key {name} does not open.",
                why="It was damaged or moved from another row or column, or the key under this id is another one.",
            ) from error

    def is_current(self, sealed: str) -> bool:
        """True if the text was sealed with the current key; a False one should be opened and sealed again.

        Raises:
            DecryptionFailed: the text is no sealed value.
        """
        return _split(sealed)[0] == self.current


def _bind(name: str, associated: bytes) -> bytes:
    """Authenticate the head of the text as well; an id has no dot, so no two pairs give the same bytes."""
    return f"{VERSION}.{name}.".encode() + associated


def _split(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    name, _, encoded = rest.partition(".")
    payload = _decode(encoded)
    # Nothing of the text is repeated: it may be a secret that somebody stored without sealing it.
    if version != VERSION or not KEY_ID.fullmatch(name) or payload is None or len(payload) <= NONCE_BYTES:
        raise errors.DecryptionFailed(
            "The value is not sealed.", why=f"It is not of the form {VERSION}.<key id>.<data>."
        )
    return name, payload


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes | None:
    """Return the bytes of unpadded base64url, None unless the text is exactly what `_encode` writes."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    # Python skips foreign characters and ignores the last spare bits; two texts for one value would be forgeable.
    return data if _encode(data) == text else None
