"""One TLS setting for both worlds: libpq's `sslmode` and files, and the context that asyncpg wants instead.

The modes mean what libpq's table says (manual, 34.19.1). Two traps of that table are closed: a certificate beside a
mode that ignores it is refused, and so is `verify-ca` without a root, since any public CA would then do.
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

# What libpq's `sslrootcert=system` says: trust the authorities that the operating system trusts.
SYSTEM = "system"

# asyncpg's `ssl=` takes the same words as sslmode; `true` is what other languages paste, and libpq reads it so too.
_SPELLINGS = {"true": "require", "false": "disable"}


@dataclass(frozen=True, slots=True)
class TLS:
    """How a connection over TCP is encrypted; the three files are paths, a missing root means the system's store."""

    mode: Mode = "prefer"
    root_certificate: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def from_keywords(cls, keywords: Mapping[str, str], origin: Origin) -> TLS:
        """Read `sslmode`, `sslrootcert`, `sslcert` and `sslkey`.

        Raises:
            ConfigurationError: the mode is unknown, or the files do not go with it.
        """
        root = keywords.get("sslrootcert")
        text = keywords.get("sslmode") or ("verify-full" if root == SYSTEM else "prefer")
        text = _SPELLINGS.get(text, text)
        mode = next((mode for mode in MODES if mode == text), None)
        if mode is None:
            raise origin.error(f"must be one of {', '.join(MODES)}", "sslmode")
        for keyword in ("sslrootcert", "sslcert", "sslkey"):
            if keywords.get(keyword) and MODES.index(mode) < MODES.index("require"):
                raise origin.error("has no effect unless sslmode is require, verify-ca or verify-full", keyword)
        if root == SYSTEM and mode != "verify-full":
            raise origin.error("is 'system', which is only safe with sslmode=verify-full", "sslrootcert")
        if mode == "verify-ca" and not root:
            raise origin.error("is missing, and sslmode=verify-ca trusts no certificate without it", "sslrootcert")
        if bool(keywords.get("sslcert")) != bool(keywords.get("sslkey")):
            raise origin.error("and sslkey only work together: give both or neither", "sslcert")
        return cls(mode, None if root == SYSTEM else root, keywords.get("sslcert"), keywords.get("sslkey"))

    @property
    def is_verified(self) -> bool:
        """True if the server must show a certificate that we trust; as in libpq, a root makes `require` check it."""
        return self.mode.startswith("verify") or (self.mode == "require" and self.root_certificate is not None)

    @property
    def asyncpg_ssl(self) -> ssl.SSLContext | Literal["allow", "prefer", False]:
        """What `asyncpg.connect(ssl=...)` takes.

        A context means `require` or more there, so the two modes that may end in plain text are passed by name, and
        `disable` is False, as None would let `PGSSLMODE` decide.
        """
        if self.mode in {"allow", "prefer"}:
            return "allow" if self.mode == "allow" else "prefer"
        return self.ssl_context() or False

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context for this mode, shared by all who ask; None for `disable`.

        `allow`, `prefer` and `require` give one that encrypts without checking the server. It is made again when one of
        the files was replaced, so that a renewed certificate serves the next connection.

        Raises:
            ConfigurationError: a file cannot be read, or holds no certificate or key.
        """
        if self.mode == "disable":
            return None
        return _make_context(self, tuple(map(_stamp, (self.root_certificate, self.certificate, self.key))))


# Cached, because reading the system's store takes 40 ms, in which an event loop would stand still at every connection.
@functools.lru_cache(maxsize=16)
def _make_context(tls: TLS, stamps: tuple[object, ...]) -> ssl.SSLContext:  # noqa: ARG001  (a part of the cache's key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
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
            # Without a password OpenSSL would stop and ask the terminal for the one of an encrypted key.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        except (OSError, ssl.SSLError) as error:
            raise _unusable("sslcert and sslkey", f"{tls.certificate}, {tls.key}", error) from error
    return context


def _stamp(path: str | None) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; None for one that is not there, which opening it will say."""
    try:
        found = Path(path).stat() if path else None
    except OSError:
        found = None
    return (found.st_ino, found.st_mtime_ns) if found else None


def _unusable(keyword: str, path: str, error: OSError) -> errors.ConfigurationError:
    reason = error.strerror if not isinstance(error, ssl.SSLError) and error.strerror else "no usable PEM in it"
    return errors.ConfigurationError(f"The file of {keyword} cannot be used ({path}): {reason}.")
