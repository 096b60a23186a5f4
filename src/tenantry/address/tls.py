"""The TLS settings of a connection: libpq's `sslmode` and files, and the SSL context that asyncpg takes.

The modes mean the same as in libpq (manual, 34.19.1). Two mistakes that libpq accepts are refused: a certificate with a
mode that ignores it, and `verify-ca` without a root certificate, which would trust every public authority.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenantry import errors
from tenantry.address.origin import Origin

Mode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]

MODES: tuple[Mode, ...] = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# The value of libpq's `sslrootcert` for the authorities that the operating system trusts.
SYSTEM = "system"

# Drivers of other languages write `ssl=true`, which libpq reads as `require`, or `no-verify` (node-postgres).
_SPELLINGS = {"true": "require", "false": "disable", "no-verify": "require"}


@dataclass(frozen=True, slots=True)
class TLS:
    """TLS settings of a TCP connection. The files are paths; without a root certificate, the system's store is used.

    `is_direct` begins with TLS and not with PostgreSQL's request for it (`sslnegotiation=direct`, PostgreSQL 17).
    """

    mode: Mode = "prefer"
    root_certificate: str | None = None
    certificate: str | None = None
    key: str | None = None
    is_direct: bool = False

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, str], origin: Origin) -> TLS:
        """Read `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and `sslnegotiation`.

        Raises:
            ConfigurationError: the mode is unknown, or does not fit the files.
        """
        root = keywords.get("sslrootcert")
        text = keywords.get("sslmode") or ("verify-full" if root == SYSTEM else "prefer")
        text = _SPELLINGS.get(text, text)
        mode = next((mode for mode in MODES if mode == text), None)
        if mode is None:
            raise origin.error(f"must be one of {', '.join(MODES)}", "sslmode")
        for keyword in ("sslrootcert", "sslcert", "sslkey"):
            if keywords.get(keyword) and MODES.index(mode) < MODES.index("require"):
                raise origin.error(
                    "has no effect unless sslmode is require, verify-ca or verify-full",
                    keyword,
                    remedy="Set sslmode=verify-full.",
                )
        if root == SYSTEM and mode != "verify-full":
            raise origin.error(
                "is 'system', which is only safe with sslmode=verify-full",
                "sslrootcert",
                remedy="Set sslmode=verify-full.",
            )
        if mode == "verify-ca" and not root:
            raise origin.error(
                "is missing, and sslmode=verify-ca trusts no certificate without it",
                "sslrootcert",
                remedy="Set sslrootcert to the file with the authority's certificate.",
            )
        if bool(keywords.get("sslcert")) != bool(keywords.get("sslkey")):
            raise origin.error(
                "and sslkey only work together", "sslcert", remedy="Set both sslcert and sslkey, or neither."
            )
        negotiation = keywords.get("sslnegotiation") or "postgres"
        if negotiation not in {"postgres", "direct"}:
            raise origin.error("must be one of postgres, direct", "sslnegotiation")
        is_direct = negotiation == "direct"
        if is_direct and MODES.index(mode) < MODES.index("require"):
            raise origin.error(
                "is direct, which needs a mode that encrypts", "sslnegotiation", remedy="Set sslmode=verify-full."
            )
        files = (None if root == SYSTEM else root, keywords.get("sslcert"), keywords.get("sslkey"))
        return cls(mode, *files, is_direct)

    @property
    def is_verified(self) -> bool:
        """True if the server's certificate is verified. As in libpq, a root certificate makes `require` verify it."""
        return self.mode.startswith("verify") or (self.mode == "require" and self.root_certificate is not None)

    @property
    def asyncpg_ssl(self) -> ssl.SSLContext | Literal["allow", "prefer", False]:
        """The value for `asyncpg.connect(ssl=...)`.

        asyncpg treats a context as `require` or stronger. So the two modes that may end without TLS are passed by name.
        `disable` is False, because None would make asyncpg read `PGSSLMODE`.
        """
        if self.mode in {"allow", "prefer"}:
            return "allow" if self.mode == "allow" else "prefer"
        return self.ssl_context() or False

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the SSL context for this mode, which all callers share; None for `disable`.

        The context of `allow`, `prefer` and `require` encrypts without verifying the server. A new context is made when
        one of the files was replaced, so that the next connection uses a renewed certificate.

        Raises:
            ConfigurationError: a file cannot be read, or contains no certificate or key.
        """
        if self.mode == "disable":
            return None
        return _make_context(self, tuple(map(_stamp, (self.root_certificate, self.certificate, self.key))))


# Cached, because reading the system's store takes 40 ms and would block the event loop at every connection.
@functools.lru_cache(maxsize=16)
def _make_context(tls: TLS, stamps: tuple[object, ...]) -> ssl.SSLContext:  # noqa: ARG001  (a part of the cache's key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.is_direct:
        # The server refuses a direct connection that does not name the protocol (manual, sslnegotiation).
        context.set_alpn_protocols(["postgresql"])
    context.check_hostname = tls.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if tls.is_verified else ssl.CERT_NONE
    if tls.root_certificate is not None:
        try:
            context.load_verify_locations(tls.root_certificate)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("sslrootcert", tls.root_certificate, error) from error
    elif tls.is_verified:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.certificate is not None:
        try:
            # Without a password argument, OpenSSL would ask the terminal for the password of an encrypted key.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except (OSError, ssl.SSLError) as error:
            raise _unusable("sslcert and sslkey", f"{tls.certificate}, {tls.key}", error) from error
    return context


def _stamp(path: str | None) -> tuple[int, int] | None:
    """Return a value that changes when the file is replaced; None if it does not exist, which opening it reports."""
    try:
        found = Path(path).stat() if path else None
    except OSError:
        found = None
    return (found.st_ino, found.st_mtime_ns) if found else None


def _unusable(keyword: str, path: str, error: OSError) -> errors.ConfigurationError:
    has_no_pem = isinstance(error, ssl.SSLError) or not error.strerror
    why = "It contains no usable PEM." if has_no_pem else f"{error.strerror}."
    return errors.ConfigurationError(
        f"The file of {keyword} cannot be used ({path}).",
        why=why,
        remedy=f"Set {keyword} to a PEM file that this user can read.",
    )
