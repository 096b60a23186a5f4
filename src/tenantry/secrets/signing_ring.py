"""Keys that sign values for the database to verify: HMAC-SHA256 (RFC 2104).

The database verifies with core SQL, which has `sha256()` and no HMAC. So it stores a key as the two padded blocks that
RFC 2104 hashes in front of the message, `key xor ipad` and `key xor opad`. Then two hashes verify a signature. The
blocks are as secret as the key, because they can sign too.
"""

from __future__ import annotations

import hmac

from tenantry.secrets.keys import Keys

__all__ = ["SigningRing"]

BLOCK_BYTES = 64
_INNER, _OUTER = 0x36, 0x5C


class SigningRing(Keys):
    """Signing keys by id, one of them current. The repr shows only the ids."""

    __slots__ = ()

    def sign(self, message: bytes) -> bytes:
        """Return the message's authentication code with the current key, 32 bytes."""
        return hmac.digest(self._keys[self.current], message, "sha256")

    def blocks(self, name: str) -> tuple[bytes, bytes]:
        """Return the inner and the outer block of a key, which are as secret as the key."""
        key = self._keys[name].ljust(BLOCK_BYTES, b"\0")
        return bytes(byte ^ _INNER for byte in key), bytes(byte ^ _OUTER for byte in key)
