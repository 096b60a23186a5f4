"""Keys that seal values before they reach the database: AES-256-GCM (NIST SP 800-38D).

A sealed text opens only under its own key and with the associated data it was sealed with, so a value that was copied
to another row, column or tenant does not open. The text is `v1.<key id>.<base64url of nonce and ciphertext>`. The first
key of the ring seals, all of them open: a new key is put in front, and the old one stays until nothing needs it.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from tenantry import errors

VERSION = "v1"
KEY_BYTES = 32
# A random 96-bit nonce keeps one key safe for 2**32 values (SP 800-38D, 8.3).
NONCE_BYTES = 12

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class KeyRing:
    """Keys by id, one of them current. Its repr shows the ids only."""

    __slots__ = ("_ciphers", "_keys", "current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for name, key in keys.items():
            if not _ID.fullmatch(name):
                raise errors.ConfigurationError("A key's id is made of 1 to 64 letters, digits, _ and -.")
            if len(key) != KEY_BYTES:
                raise errors.ConfigurationError(f"Key {name} must be {KEY_BYTES} bytes long.")
        if current not in keys:
            raise errors.ConfigurationError("The current key is not in the ring.")
        self.current = current
        self._keys = dict(keys)
        self._ciphers = {name: AESGCM(key) for name, key in keys.items()}

    @classmethod
    def parse(cls, text: str, *, variable: str = "ENCRYPTION_KEYS") -> Self:
        """Read `id:base64key,id2:base64key`, by commas or lines; the first key is the current one.

        Raises:
            ConfigurationError: one sentence that names the variable and the key's place, never the key.
        """
        keys: dict[str, bytes] = {}
        for place, part in enumerate(re.split(r"[,\s]+", text.strip()), start=1):
            # A part without a colon may be a key, so an id is repeated only when it stands before one.
            name, colon, encoded = part.partition(":")
            key = _decode_key(encoded)
            problem = ""
            if not text.strip():
                problem = "is empty; write id:key, the key made by `openssl rand -base64 32`"
            elif not colon or not _ID.fullmatch(name):
                problem = f"must hold id:key pairs, and pair {place} is none"
            elif key is None or len(key) != KEY_BYTES:
                problem = f"must hold keys of {KEY_BYTES} bytes in base64, and that of pair {place} is none"
            elif name in keys:
                problem = f"holds the id of pair {place} twice"
            if problem:
                raise errors.ConfigurationError(f"{variable} {problem}.", variable=variable)
            assert key is not None
            keys[name] = key
        return cls(keys, next(iter(keys)))

    @classmethod
    def generate(cls, current: str = "k1") -> Self:
        """Return a ring with one fresh key, for demos and tests."""
        return cls({current: AESGCM.generate_key(KEY_BYTES * 8)}, current)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the current one first."""
        return (self.current, *(name for name in self._keys if name != self.current))

    @property
    def text(self) -> SecretStr:
        """The ring in the form that `parse` reads."""
        return SecretStr(",".join(f"{name}:{base64.b64encode(self._keys[name]).decode()}" for name in self.ids))

    def rotate(self, current: str) -> Self:
        """Return a ring that seals with a fresh key `current` and still opens what these keys sealed."""
        if current in self._keys:
            raise errors.ConfigurationError(f"The ring has a key {current} already.")
        return type(self)({current: AESGCM.generate_key(KEY_BYTES * 8), **self._keys}, current)

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
                remedy="Keep a replaced key behind the current one until every value is sealed anew.",
            )
        try:
            return cipher.decrypt(payload[:NONCE_BYTES], payload[NONCE_BYTES:], _bind(name, associated))
        except InvalidTag as error:
            raise errors.DecryptionFailed(
                f"A value sealed with key {name} does not open.",
                why="It was damaged or moved from another row or column, or the key under this id is another one.",
            ) from error

    def is_current(self, sealed: str) -> bool:
        """True if the text was sealed with the current key; a False one should be opened and sealed anew.

        Raises:
            DecryptionFailed: the text is no sealed value.
        """
        return _split(sealed)[0] == self.current

    def __repr__(self) -> str:
        return f"KeyRing(ids={self.ids!r})"


def _bind(name: str, associated: bytes) -> bytes:
    """Authenticate the head of the text as well; an id has no dot, so no two pairs give the same bytes."""
    return f"{VERSION}.{name}.".encode() + associated


def _split(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    name, _, encoded = rest.partition(".")
    payload = _decode(encoded)
    # Nothing of the text is repeated: it may be a secret that somebody stored without sealing it.
    if version != VERSION or not _ID.fullmatch(name) or payload is None or len(payload) <= NONCE_BYTES:
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


def _decode_key(text: str) -> bytes | None:
    """Return the bytes of base64 in either alphabet, with or without its padding."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
