"""Passwords as PostgreSQL stores them, so that a password itself never reaches a statement, and so no server log.

The form is that of pg_authid.rolpassword (manual, pg_authid): `SCRAM-SHA-256$<iterations>:<salt>$<stored>:<server>`,
with the keys of RFC 5802, section 3.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64encode

__all__ = ["scram_verifier"]

# What the server itself takes (manual, scram_iterations).
ITERATIONS = 4096


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return the verifier that ALTER ROLE ... PASSWORD stores as it is."""
    salt = salt or secrets.token_bytes(16)
    # NFKC is what SASLprep (RFC 4013) does to a password of letters that a keyboard can type.
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"
