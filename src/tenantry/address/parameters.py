"""The parameters of an address: libpq's keywords, and those that consoles and other drivers add.

A parameter without effect is accepted if its value says what happens here anyway. Any other value is refused with the
change that works, because to ignore it would hide a mistake or weaken TLS.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tenantry.address.origin import Origin

__all__ = ["KNOWN", "TLS_KEYWORDS", "add_parameter"]

TLS_KEYWORDS = frozenset({"sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation"})
KNOWN = frozenset(
    {
        *("host", "port", "dbname", "user", "password", "target_session_attrs"),
        *TLS_KEYWORDS,
        *("application_name", "options", "connect_timeout"),
    }
)

# Names of other drivers for the same thing: asyncpg, JDBC, pg8000.
_ALIASES = {
    "database": "dbname",
    "username": "user",
    "ssl": "sslmode",
    "applicationname": "application_name",
    "connecttimeout": "connect_timeout",
    "logintimeout": "connect_timeout",
    "unix_sock": "host",
}

_NUMBER = r"\d+"
_BOOLEAN = "true|false|1|0"

# Each parameter that has no effect here, and the values for which that is right. Names are in lower case.
_IDLE: Mapping[str, str] = {
    "channel_binding": "disable|prefer",
    "gssencmode": "disable|prefer",
    # The pool sets its own keepalive, which is stricter (`dial`).
    "keepalives": "0|1",
    "keepalives_idle": _NUMBER,
    "keepalives_interval": _NUMBER,
    "keepalives_count": _NUMBER,
    "tcp_user_timeout": _NUMBER,
    "tcpkeepalive": _BOOLEAN,
    "sslsni": "1",
    "sslcompression": "0",
    "ssl_min_protocol_version": r"tlsv1(\.[12])?",
    "load_balance_hosts": "disable",
    "client_encoding": "auto|utf-?8|unicode",
    # A pooler is detected, and statements are prepared accordingly.
    "pgbouncer": _BOOLEAN,
    "prepared_statement_cache_size": _NUMBER,
    "statement_cache_size": _NUMBER,
    "preparethreshold": _NUMBER,
    "rewritebatchedinserts": _BOOLEAN,
    "schema": "public",
    "currentschema": "public",
    # `require` does not verify the server either; the stronger modes stay as they are.
    "sslaccept": "accept_invalid_certs",
    "uselibpqcompat": "true",
    # Vercel's marks for Supabase.
    "supa": ".*",
    "workaround": "supabase-pooler.vercel",
}

_POOL = "Remove it, and set the service's DATABASE_POOL_SIZE and DATABASE_MAX_OVERFLOW."
_SEARCH_PATH = "Remove it, and add options=-csearch_path%3DNAME with the schema's name."
_CLOUD_SQL = (
    "Remove cloudSqlInstance, socketFactory and unixSocketPath, and add host=/cloudsql/PROJECT:REGION:INSTANCE, "
    "where the Cloud SQL Auth Proxy makes its socket."
)

# Each parameter that is refused for its other values: the problem and the change that works.
_REFUSED: Mapping[str, tuple[str, str]] = {
    "channel_binding": (
        "is not supported: asyncpg has no SCRAM-SHA-256-PLUS",
        "Remove channel_binding, and set sslmode=verify-full: it verifies the server by its certificate.",
    ),
    "gssencmode": (
        "cannot be required, because asyncpg does not support encryption by GSSAPI",
        "Remove gssencmode, and set sslmode=verify-full.",
    ),
    "ssl_min_protocol_version": ("is not supported", "Remove it: TLS 1.2 is the minimum, and 1.3 is preferred."),
    "load_balance_hosts": ("is not supported", "Remove it: the hosts are tried in their order."),
    "client_encoding": ("is always UTF8", "Remove client_encoding."),
    "schema": ("is a parameter of Prisma", _SEARCH_PATH),
    "currentschema": ("is a parameter of JDBC", _SEARCH_PATH),
    "sslaccept": ("is a parameter of Prisma", "Remove sslaccept, and set sslmode=verify-full."),
    "connection_limit": ("is a parameter of Prisma", _POOL),
    "maxpoolsize": ("is a parameter of another driver", _POOL),
    "pool_timeout": ("is a parameter of Prisma", "Remove it, and set the service's DATABASE_POOL_TIMEOUT."),
    "socket_timeout": ("is a parameter of Prisma", "Remove it, and set the service's DATABASE_STATEMENT_TIMEOUT."),
    "sockettimeout": ("is a parameter of JDBC", "Remove it, and set the service's DATABASE_STATEMENT_TIMEOUT."),
    "targetservertype": ("is a parameter of JDBC", "Remove it, and add target_session_attrs=primary."),
    "sslfactory": ("is a parameter of JDBC", "Remove it, and set sslmode and sslrootcert."),
    "cloudsqlinstance": ("is a parameter of Google's JDBC connector", _CLOUD_SQL),
    "socketfactory": ("is a parameter of Google's JDBC connector", _CLOUD_SQL),
    "unixsocketpath": ("is a parameter of Google's JDBC connector", _CLOUD_SQL),
    "service": ("is not supported", "Remove it, and write host, user and dbname: service files are not read."),
    "passfile": ("is not supported", "Remove it, and add the password: password files are not read."),
    "require_auth": ("is not supported by asyncpg", "Remove require_auth, and set sslmode=verify-full."),
}

_ENCRYPTING = {"true", "require", "verify-ca", "verify-full"}
# A plus sign stands for a blank only between two options of the server, as some consoles write it.
_PLUS = re.compile(r"(?<=-c)\+|\+(?=--?[A-Za-z])")
_SOCKET_FILE = re.compile(r"(.+)/\.s\.PGSQL\.(\d+)")


def add_parameter(keywords: dict[str, str], name: str, value: str, origin: Origin, *, is_nameable: bool) -> None:
    """Add a parameter to libpq's keywords, under libpq's name.

    `is_nameable` means that an error may repeat an unknown name, because it cannot be part of a password.

    Raises:
        ConfigurationError: the parameter is unknown, given twice, or would have no effect.
    """
    name, spelled = _ALIASES.get(name.lower(), name.lower()), name
    if re.fullmatch(_IDLE.get(name, "(?!)"), value, re.IGNORECASE):
        return
    if name in _REFUSED:
        problem, remedy = _REFUSED[name]
        raise origin.error(problem, name, remedy=remedy)
    if name not in KNOWN:
        problem = f"has the unknown parameter {spelled}" if is_nameable else "has an unknown parameter"
        raise origin.error(problem, remedy=f"Use only {', '.join(sorted(KNOWN))}.")
    if name == "sslmode" and name in keywords and "true" in {keywords[name], value}:
        # ssl=true says less than a mode that encrypts: JDBC writes both.
        before = keywords.pop(name)
        value = before if value == "true" else value
        if value not in _ENCRYPTING:
            raise origin.error("contradicts ssl=true", name, remedy="Remove ssl, and set sslmode=verify-full.")
    if name in keywords and name not in {"host", "port"}:
        raise origin.error("is given twice", name)
    if "\0" in value:
        raise origin.error("contains a NUL character", name)
    if name == "options":
        value = _PLUS.sub(" ", value)
    elif name == "host" and (found := _SOCKET_FILE.fullmatch(value)):
        # pg8000 and Go take the socket itself, libpq its folder.
        value = found[1]
        _join(keywords, "port", found[2])
    _join(keywords, name, value)


def _join(keywords: dict[str, str], name: str, value: str) -> None:
    # SQLAlchemy writes several hosts as ?host=h1:5432&host=h2:5433.
    keywords[name] = f"{keywords[name]},{value}" if name in keywords else value
