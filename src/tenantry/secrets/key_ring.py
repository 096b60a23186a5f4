"""Keys that encrypt values before they reach the database: AES-256-GCM (NIST SP 800-38D).

A value is decrypted only with its key and with the associated data of its encryption. So a value that was copied to
another table, column or tenant is not decrypted. A sealed (encrypted) value is the text
`v1.<key id>.<base64url of nonce and ciphertext>`. The first key of the ring encrypts, and all keys decrypt. To replace
a key, add the new key in front, and keep the old key until no value needs it.
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
    """Encryption keys by id, one of them current. The repr shows only the ids."""

    __slots__ = ("_ciphers",)

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        super().__init__(keys, current)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}

    def seal(self, plaintext: bytes, associated: bytes) -> str:
        """Encrypt with the current key. `associated` identifies the value's place and is not stored."""
        nonce = os.urandom(NONCE_BYTES)
        ciphertext = self._ciphers[self.current].encrypt(nonce, plaintext, _bind(self.current, associated))
        return f"{VERSION}.{self.current}.{_encode(nonce + ciphertext)}"

    def open(self, sealed: str, associated: bytes) -> bytes:
        """Decrypt a value that `seal` encrypted for the same place.

        Raises:
            DecryptionFailed: the text is damaged, belongs to another place, or its key is not in the ring.
        """
        name, payload = _split(sealed)
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise errors.DecryptionFailed(
                f"An encrypted value needs key {name!r}, which is not among the encryption keys.",
                remedy="Add the key again behind the current one, until every value is encrypted with the current key.",
            )
        try:
            return cipher.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], _bind(name, associated))
        except InvalidTag as error:
            raise errors.DecryptionFailed(
                f"A value that was encrypted with key {name!r} cannot be decrypted.",
                why="It was damaged, copied from another table, column or tenant, or the key of this id was replaced.",
                remedy="Restore the value from a backup, or configure the key that encrypted it.",
            ) from error

    def is_current(self, sealed: str) -> bool:
        """True if the value was encrypted with the current key. If False, encrypt it again.

        Raises:
            DecryptionFailed: the text is not an encrypted value.
        """
        return _split(sealed)[0] == self.current


def _bind(name: str, associated: bytes) -> bytes:
    """Authenticate also the version and the key's id. An id has no dot, so two different pairs give different bytes."""
    return f"{VERSION}.{name}.".encode() + associated


def _split(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    name, _, encoded = rest.partition(".")
    payload = _decode(encoded)
    # The error does not repeat the text: it may be a secret that was stored without encryption.
    if version != VERSION or not KEY_ID.fullmatch(name) or payload is None or len(payload) <= NONCE_BYTES:
        raise errors.DecryptionFailed(
            "The stored value of an encrypted column is not encrypted.",
            why=f"It does not have the form {VERSION}.<key id>.<data>.",
            remedy="Write the value again through an EncryptedText column.",
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
    # Python ignores foreign characters and the last unused bits, so several texts would decode to one value.
    return data if _encode(data) == text else None
