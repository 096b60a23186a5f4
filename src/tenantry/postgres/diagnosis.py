"""Why a database could not be reached, as one of our errors: the address without its password, the reason, the remedy.

Also the one judgement that connecting needs: what may pass by itself (nobody listens *yet*), what new credentials may
cure, and what no waiting will change. The judgement is made on SQLSTATEs and classes of errors, and in one place, where
asyncpg gives nothing else, on a text (`is_tls_refused`).
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

# asyncpg's own word for a connection that ended, and no server's.
CLOSED = "08003"

_NOBODY = ("Nobody listens there.", "Start the server, or correct the host and the port.")
_CLOSED = (
    "The connection was closed before the server answered.",
    "Look whether the server starts or stops, and at its log; a proxy in front of a server that is down does the same.",
)
_TLS_REFUSED = (
    "TLS was refused (sslmode={mode}).",
    "Switch TLS on at the server, or choose a weaker sslmode if the network is yours.",
)
_BROKEN = ("The connection broke ({name}).", "Look at the server's log; it may have restarted.")

REMEDIES: dict[str, tuple[str, str]] = {
    "28P01": ("The password of {user!r} was refused.", "Check the user and the password in the address or the secret."),
    "28000": (
        "The server does not let {user!r} log in from here.",
        "Check that the role exists and may log in, and that pg_hba.conf allows this host and its TLS mode.",
    ),
    "3D000": ("There is no database {database!r}.", "Create it, or correct the database's name in the address."),
    "42501": (
        "{user!r} may not connect to {database!r}.",
        "As the database's owner: GRANT CONNECT ON DATABASE ... TO the login.",
    ),
    TOO_MANY_CONNECTIONS: (
        "The server has no connection left.",
        "Lower the pools' sizes (pool size plus overflow, times processes), or raise max_connections.",
    ),
    CANNOT_CONNECT_NOW: ("The server is starting up or shutting down.", "Wait until it is ready, and look at its log."),
    "08P01": (
        "What answers at that port does not speak as PostgreSQL does, or refused a setting.",
        "Check the port; for a connection pooler, check which startup parameters it accepts.",
    ),
}

# The first that fits is taken, so a class stands before those it derives from.
SILENT: tuple[tuple[type[BaseException], str, str], ...] = (
    (
        asyncpg.TargetServerAttributeNotMatched,
        "No host is {wanted}, as target_session_attrs asks.",
        "Look whether a failover is under way, and which host is the primary.",
    ),
    (
        ssl.SSLCertVerificationError,
        "The server's certificate was not accepted: {detail}.",
        (
            "Give the authority that signed it as sslrootcert, and the name it was made for as the host. Its own "
            "certificate needs CA:TRUE, and keyCertSign if it has a key usage."
        ),
    ),
    (ssl.SSLError, "The TLS handshake failed.", "Check that both sides share a version of TLS."),
    (socket.gaierror, "The host's name could not be resolved.", "Check the host's spelling and the resolver."),
    (TimeoutError, "Nobody answered in time.", "Check the host, the firewall between, and the server's load."),
    (ConnectionRefusedError, *_NOBODY),
    (FileNotFoundError, *_NOBODY),
    (PermissionError, "This user may not enter the socket's folder.", "Run as the user that owns the server."),
    (ConnectionResetError, *_BROKEN),
    (BrokenPipeError, *_BROKEN),
    (ConnectionError, *_CLOSED),  # asyncpg's own, bare, from the negotiation of TLS
    (asyncpg.ConnectionDoesNotExistError, *_CLOSED),
    (OSError, *_BROKEN),
    (asyncpg.InternalClientError, *_BROKEN),
)


class Prospect(enum.Enum):
    """What may make a failed connection succeed."""

    TIME = "time"
    CREDENTIALS = "credentials"
    NOTHING = "nothing"


def is_tls_refused(error: BaseException) -> bool:
    """Tell whether the peer answered the request for TLS with anything but yes.

    asyncpg raises a bare ConnectionError for every end of that negotiation, and only its text tells the server's "N"
    from a socket that was closed. An unknown text counts as a closed socket: that is waited for, and the error does
    not advise to weaken TLS.
    """
    return type(error) is ConnectionError and "rejected SSL upgrade" in str(error)


def prospect_of(error: BaseException) -> Prospect:
    """Tell what may help after `error`: waiting, other credentials, or nothing."""
    state = sqlstate_of(error) or ""
    if state in {"28P01", "28000"}:
        return Prospect.CREDENTIALS
    if state in {CANNOT_CONNECT_NOW, TOO_MANY_CONNECTIONS, "57P01", "57P02"}:
        return Prospect.TIME
    if state:
        return Prospect.TIME if state.startswith("08") and state != "08P01" else Prospect.NOTHING
    if isinstance(error, asyncpg.InternalClientError):
        # No host is as asked yet (TargetServerAttributeNotMatched), or the server went down while we logged in.
        return Prospect.TIME
    # These are OSErrors too, and waiting does not help. A closed socket is a server that is not there yet.
    is_lasting = isinstance(error, (ssl.SSLError, PermissionError)) or is_tls_refused(error)
    return Prospect.TIME if isinstance(error, OSError) and not is_lasting else Prospect.NOTHING


def explain(error: BaseException, address: Address, *, role: str | None = None) -> errors.DatabaseUnavailable:
    """Return the error to raise for `error`, met while connecting to `address` (and becoming `role`)."""
    why, remedy = _reason(error, address, role)
    return errors.DatabaseUnavailable(f"No connection to {address.redacted}.", why=why, remedy=remedy)


def _reason(error: BaseException, address: Address, role: str | None) -> tuple[str, str]:
    state = sqlstate_of(error) or ""
    # CheckMyDatabase is where the server looks at CONNECT; the same SQLSTATE from elsewhere is about the role.
    about_role = state in {"22023", "42501"} and getattr(error, "server_source_function", "") != "CheckMyDatabase"
    if role and about_role:
        return (
            f"The login {address.user!r} may not become the role {role!r}, or there is no such role.",
            f"GRANT {role} TO {address.user}, or give an address that logs in as {role}.",
        )
    if state in REMEDIES:
        why, remedy = REMEDIES[state]
        return why.format(user=address.user, database=address.database), remedy
    if state and state != CLOSED:
        return f"The server answered with SQLSTATE {state} ({error}).", "Look at the server's log."
    return _silent(error, address)


def _silent(error: BaseException, address: Address) -> tuple[str, str]:
    """Explain an error in which no server gave a reason."""
    if is_tls_refused(error):
        # Under `prefer` asyncpg goes on without TLS after an "N", so this was some other answer.
        why, remedy = REMEDIES["08P01"] if address.tls.mode == "prefer" else _TLS_REFUSED
        return why.format(mode=address.tls.mode), remedy
    for kind, why, remedy in SILENT:
        if isinstance(error, kind):
            wanted, mode = address.target_session_attrs, address.tls.mode
            detail = getattr(error, "verify_message", "")
            return why.format(name=type(error).__name__, wanted=wanted, mode=mode, detail=detail), remedy
    return f"{type(error).__name__}: {error}", "Check the address."
