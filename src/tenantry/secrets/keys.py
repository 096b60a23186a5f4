"""Keys by id, one of them current, and the text that holds them in a variable or a file.

The first key of the text is the current key, which new values are made with. The other keys verify or decrypt values
that were made with them. To replace a key, add the new key, move it to the front, and remove the old key later. Every
value stays readable meanwhile.
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
    """Keys by id. The repr shows only the ids."""

    __slots__ = ("_keys", "current")

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        for name, key in keys.items():
            if not KEY_ID.fullmatch(name):
                raise errors.ConfigurationError(
                    "The id of a key is not 1 to 64 letters, digits, _ and -.",
                    remedy="Choose another id, for example k1.",
                )
            if len(key) != KEY_BYTES:
                raise errors.ConfigurationError(
                    f"Key {name!r} is {len(key)} bytes long, not {KEY_BYTES}.",
                    remedy=f"Generate one with `openssl rand -base64 {KEY_BYTES}`.",
                )
        if current not in keys:
            raise errors.ConfigurationError(
                "The current key is not among the keys.", remedy="Pass the id of one of the keys as `current`."
            )
        self.current = current
        self._keys = dict(keys)

    @classmethod
    def parse(cls, text: str, *, variable: str = "ENCRYPTION_KEYS") -> Self:
        """Parse `id:base64key,id2:base64key`, separated by commas or line breaks. The first key is the current key.

        Raises:
            ConfigurationError: the text is malformed. The error names the variable and the entry, never the key.
        """
        keys: dict[str, bytes] = {}
        for place, part in enumerate(re.split(r"[,\s]+", text.strip()), start=1):
            # A part without a colon may be a key, so the error names the number of the entry, not its text.
            name, colon, encoded = part.partition(":")
            key = _decode_key(encoded)
            problem = ""
            if not text.strip():
                problem = "is empty"
            elif not colon or not KEY_ID.fullmatch(name):
                problem = f"is malformed: entry {place} is not `id:key`"
            elif key is None or len(key) != KEY_BYTES:
                problem = f"is malformed: the key of entry {place} is not {KEY_BYTES} bytes in base64"
            elif name in keys:
                problem = f"has the id of entry {place} twice"
            if problem:
                make = f"`openssl rand -base64 {KEY_BYTES}`"
                raise errors.ConfigurationError(
                    f"{variable} {problem}.",
                    variable=variable,
                    remedy=f"Set it to id:key, separated by commas, with keys from {make}.",
                )
            assert key is not None
            keys[name] = key
        return cls(keys, next(iter(keys)))

    @classmethod
    def generate(cls, current: str = "k1") -> Self:
        """Return a ring with one new key, for demos and tests."""
        return cls({current: os.urandom(KEY_BYTES)}, current)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, the current one first."""
        return (self.current, *(name for name in self._keys if name != self.current))

    @property
    def text(self) -> SecretStr:
        """The keys as the text that `parse` reads."""
        return SecretStr(",".join(f"{name}:{base64.b64encode(self._keys[name]).decode()}" for name in self.ids))

    def rotate(self, current: str) -> Self:
        """Return a ring with a new key `current` in front of these keys."""
        if current in self._keys:
            raise errors.ConfigurationError(
                f"The keys already contain one with the id {current!r}.", remedy="Choose another id."
            )
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
