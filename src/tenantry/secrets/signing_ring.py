"""Keys that sign what the database has to believe: HMAC-SHA256 (RFC 2104).

The database verifies with core SQL, which has `sha256()` and no HMAC. So a key goes there as the two padded blocks that
RFC 2104 hashes in front of the message, `key xor ipad` and `key xor opad`, and nothing is left to compute but two
hashes. The blocks sign as well as the key itself.
"""

from __future__ import annotations

import hmac

from tenantry.secrets.keys import Keys

__all__ = ["SigningRing"]

BLOCK_BYTES = 64
_INNER, _OUTER = 0x36, 0x5C


class SigningRing(Keys):
    """Keys that sign, by id, one of them current. Its repr shows the ids only."""

    __slots__ = ()

    def sign(self, message: bytes) -> bytes:
        """Return the code of the message under the current key, 32 bytes."""
        return hmac.digest(self._keys[self.current], message, "sha256")

    def blocks(self, name: str) -> tuple[bytes, bytes]:
        """Return the inner and the outer block of a key, which are as secret as the key."""
        key = self._keys[name].ljust(BLOCK_BYTES, b"\0")
        return bytes(byte ^ _INNER for byte in key), bytes(byte ^ _OUTER for byte in key)
