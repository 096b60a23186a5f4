"""SCRAM verifiers of passwords, so that no statement, and no server log, contains a password.

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

# The server's default (manual, scram_iterations).
ITERATIONS = 4096


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """Return the verifier, which ALTER ROLE ... PASSWORD stores unchanged."""
    salt = salt or secrets.token_bytes(16)
    # For characters that a keyboard can type, SASLprep (RFC 4013) is the same as NFKC.
    prepared = unicodedata.normalize("NFKC", password).encode()
    salted = hashlib.pbkdf2_hmac("sha256", prepared, salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (b64encode(part).decode() for part in (salt, stored, server))
    return f"SCRAM-SHA-256${ITERATIONS}:{salt_text}${stored_text}:{server_text}"
