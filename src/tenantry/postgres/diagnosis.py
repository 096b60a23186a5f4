"""Explain why a connection failed: the address without its password, the reason and the remedy.

`prospect_of` decides if a retry, new credentials or nothing may help. It decides by SQLSTATE and error class. Only
`is_tls_refused` reads the text of an error, because asyncpg gives nothing else there.
"""

from __future__ import annotations

import enum
import socket
import ssl

import asyncpg

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.sqlstate import CANNOT_CONNECT_NOW, TOO_MANY_CONNECTIONS, sqlstate_of

__all__ = ["Prospect", "explain", "is_tls_refused", "prospect_of"]

# The SQLSTATE that asyncpg itself uses for a closed connection; no server sends it.
CLOSED = "08003"

_NOT_LISTENING = ("No server listens at this address.", "Start the server, or correct the host and the port.")
_CLOSED = (
    "The connection was closed before the server answered.",
    "Check in the server's log if it is starting or stopping. A proxy whose server is down closes connections too.",
)
_TLS_REFUSED = (
    "The server refused TLS (sslmode={mode}).",
    "Set ssl = on in the server's postgresql.conf, or correct the host and the port.",
)
_BROKEN = ("The connection broke ({name}).", "Check the server's log; the server may have restarted.")

REMEDIES: dict[str, tuple[str, str]] = {
    "28P01": (
        "The server refused the password of {user!r}.",
        "Correct the user or the password in the address or the secret.",
    ),
    "28000": (
        "The server does not allow the role {user!r} to log in from this host.",
        "Check that the role exists and has LOGIN, and that pg_hba.conf allows this host and its TLS mode.",
    ),
    "3D000": (
        "The database {database!r} does not exist.",
        "Create it, or correct the database's name in the address.",
    ),
    "42501": (
        "The role {user!r} has no CONNECT privilege on the database {database!r}.",
        'Run as the database\'s owner: GRANT CONNECT ON DATABASE "{database}" TO "{user}";',
    ),
    TOO_MANY_CONNECTIONS: (
        "The server has no free connection.",
        "Lower DATABASE_POOL_SIZE or DATABASE_MAX_OVERFLOW, which count for each process, or raise max_connections.",
    ),
    CANNOT_CONNECT_NOW: (
        "The server is starting up or shutting down.",
        "Wait until the server is ready, and check its log.",
    ),
    "08P01": (
        "The program at this port does not use the protocol of PostgreSQL, or refused a setting.",
        "Check the port. For a connection pooler, check which startup parameters it accepts.",
    ),
}

# The first matching class applies, so a subclass comes before its base class.
SILENT: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        asyncpg.TargetServerAttributeNotMatched,
        "No host has target_session_attrs={wanted}.",
        "Check if a failover is running, and which host is the primary.",
    ),
    (
        ssl.SSLCertVerificationError,
        "The server's certificate is invalid: {detail}.",
        (
            "Set sslrootcert to the certificate of the authority that signed it, and the host to the name in the "
            "certificate. The authority's certificate needs CA:TRUE, and keyCertSign if it has a key usage."
        ),
    ),
    (ssl.SSLError, "The TLS handshake failed.", "Check that client and server support a common version of TLS."),
    (socket.gaierror, "The host name could not be resolved.", "Check the spelling of the host and the DNS resolver."),
    (TimeoutError, "No server answered in time.", "Check the host, the firewall, and the server's load."),
    (ConnectionRefusedError, *_NOT_LISTENING),
    (FileNotFoundError, *_NOT_LISTENING),
    (PermissionError, "This user may not enter the socket's folder.", "Run as the user that owns the server."),
    (ConnectionResetError, *_BROKEN),
    (BrokenPipeError, *_BROKEN),
    (ConnectionError, *_CLOSED),  # asyncpg raises this class during the negotiation of TLS.
    (asyncpg.ConnectionDoesNotExistError, *_CLOSED),
    (OSError, *_BROKEN),
    (asyncpg.InternalClientError, *_BROKEN),
)


class Prospect(enum.Enum):
    """The change that may make a failed connection succeed."""

    TIME = "time"
    CREDENTIALS = "credentials"
    NOTHING = "nothing"


def is_tls_refused(error: BaseException) -> bool:
    """Return True if the server refused the request for TLS.

    asyncpg raises a ConnectionError for every failure of that negotiation. Only its text distinguishes the server's "N"
    from a closed socket. An unknown text counts as a closed socket, which is retried.
    """
    return type(error) is ConnectionError and "rejected SSL upgrade" in str(error)


def prospect_of(error: BaseException) -> Prospect:
    """Return what may help after `error`: a retry, new credentials, or nothing."""
    state = sqlstate_of(error) or ""
    if state in {"28P01", "28000"}:
        return Prospect.CREDENTIALS
    if state in {CANNOT_CONNECT_NOW, TOO_MANY_CONNECTIONS, "57P01", "57P02"}:
        return Prospect.TIME
    if state:
        return Prospect.TIME if state.startswith("08") and state != "08P01" else Prospect.NOTHING
    if isinstance(error, asyncpg.InternalClientError):
        # No host has the requested attributes yet (TargetServerAttributeNotMatched), or the server went down during
        # the login.
        return Prospect.TIME
    # These are OSErrors too, but a retry does not help. A closed socket may mean that the server is starting.
    is_lasting = isinstance(error, (ssl.SSLError, PermissionError)) or is_tls_refused(error)
    return Prospect.TIME if isinstance(error, OSError) and not is_lasting else Prospect.NOTHING


def explain(error: BaseException, address: Address, *, role: str | None = None) -> errors.DatabaseUnavailable:
    """Return the error to raise for `error`, which occurred on the connection to `address` in `role`."""
    why, remedy = _reason(error, address, role)
    return errors.DatabaseUnavailable(f"No connection to {address.redacted} was opened.", why=why, remedy=remedy)


def _reason(error: BaseException, address: Address, role: str | None) -> tuple[str, str]:
    state = sqlstate_of(error) or ""
    # The server checks CONNECT in CheckMyDatabase. The same SQLSTATE from another function is about the role.
    about_role = state in {"22023", "42501"} and getattr(error, "server_source_function", "") != "CheckMyDatabase"
    if role and about_role:
        return (
            f"The login {address.user!r} may not SET ROLE to {role!r}, or that role does not exist.",
            f'Run as a superuser: GRANT "{role}" TO "{address.user}"; or use an address that logs in as {role}.',
        )
    if state in REMEDIES:
        names = {"user": address.user, "database": address.database}
        why, remedy = (text.format(**names) for text in REMEDIES[state])
        return why, remedy
    if state and state != CLOSED:
        return f"The server answered with SQLSTATE {state} ({error}).", "Check the server's log."
    return _silent(error, address)


def _silent(error: BaseException, address: Address) -> tuple[str, str]:
    """Explain an error in which no server gave a reason."""
    if is_tls_refused(error):
        # With `prefer`, asyncpg continues without TLS after an "N", so this was another answer.
        why, remedy = REMEDIES["08P01"] if address.tls.mode == "prefer" else _TLS_REFUSED
        return why.format(mode=address.tls.mode), remedy
    for kind, why, remedy in SILENT:
        if isinstance(error, kind):
            wanted, mode = address.target_session_attrs, address.tls.mode
            detail = getattr(error, "verify_message", "")
            return why.format(name=type(error).__name__, wanted=wanted, mode=mode, detail=detail), remedy
    return f"The driver raised {type(error).__name__}: {error}", "Check the address."
