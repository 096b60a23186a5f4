"""Keys by id, one of them current: how they are written in a variable or a file, whatever they are for.

The first key of the text is the current one: new values are made with it. The others open what was made with them. So a
key is replaced without a moment in which a value cannot be read: the new one is added, then moved to the front, and the
old one is removed later.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from typing import Self

from pydantic import SecretStr

from tenantry import errors

__all__ = ["KEY_BYTES", "KEY_ID", "Keys"]

KEY_BYTES = 32
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Keys:
    """Keys by id. The repr shows the ids only."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for name, key in keys.items():
            if not KEY_ID.fullmatch(name):
                raise errors.ConfigurationError("A key's id is made of 1 to 64 letters, digits, _ and -.")
            if len(key) != KEY_BYTES:
                raise errors.ConfigurationError(f"Key {name} must be {KEY_BYTES} bytes long.")
        if current not in keys:
            raise errors.ConfigurationError("The current key is not in the ring.")
        self.current = current
        self._keys = dict(keys)

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
            elif not colon or not KEY_ID.fullmatch(name):
                problem = f"is malformed: entry {place} is not `id:key`"
            elif key is None or len(key) != KEY_BYTES:
                problem = f"is malformed: the key of entry {place} is not {KEY_BYTES} bytes in base64"
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
        return cls({current: os.urandom(KEY_BYTES)}, current)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the current one first."""
        return (self.current, *(name for name in self._keys if name != self.current))

    @property
    def text(self) -> SecretStr:
        """The ring in the form that `parse` reads."""
        return SecretStr(",".join(f"{name}:{base64.b64encode(self._keys[name]).decode()}" for name in self.ids))

    def rotate(self, current: str) -> Self:
        """Return a ring with a fresh key `current` in front of these keys."""
        if current in self._keys:
            raise errors.ConfigurationError(f"The ring has a key {current} already.")
        return type(self)({current: os.urandom(KEY_BYTES), **self._keys}, current)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(ids={self.ids!r})"


def _decode_key(text: str) -> bytes | None:
    """Return the bytes of base64 in either alphabet, with or without its padding."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
