"""One attempt to connect to one host: login, TLS, socket options and session settings.

The role is sent in the startup packet, so that `RESET ROLE` returns to this role and not to the login (manual, SET
ROLE). A connection pooler refuses such settings (SQLSTATE 08P01) or ignores them, and it shares the session between
clients. So behind a pooler, role and timeouts are sent with each transaction's BEGIN, and no prepared statement has a
name that another client could use.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import asyncpg

from tenantry import sql
from tenantry.address import Address, Host
from tenantry.postgres.connection import Connection

__all__ = ["Session", "dial", "is_refused_setting", "is_shared"]

# A vanished peer is detected after about five seconds: two seconds of silence, then one probe each second. Sent data
# must be acknowledged within the same time (tcp(7)). TCP_USER_TIMEOUT is in milliseconds.
TCP_OPTIONS = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}


@dataclass(frozen=True, slots=True)
class Session:
    """The session settings of a pool: application name, role, server settings, and the client's time limit.

    `command_timeout`, in seconds, limits the wait for an answer in the client, because a frozen server enforces no
    timeout.
    """

    application_name: str
    role: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    command_timeout: float | None = None

    def settings_for(self, login: str) -> dict[str, str]:
        """Return the settings for a login, including the role if it differs from the login."""
        role = {"role": self.role} if self.role and self.role != login else {}
        return {**self.settings, **role}

    def name_for(self, address: Address) -> str:
        """Return the application name; the name in the address takes precedence, because the operator set it."""
        return address.parameters.get("application_name") or self.application_name


def is_refused_setting(error: BaseException) -> bool:
    """Return True if a pooler refused the startup packet because of a setting in it."""
    return isinstance(error, asyncpg.ProtocolViolationError)


async def is_shared(connection: Connection) -> bool:
    """Return True if a pooler is in between: the process that answers is not the process that the login reported.

    The query is one message of the simple protocol. It prepares no statement, and a pooler sends all of it to one
    server, in transaction and in statement mode. asyncpg drops the rows of such a message, so the function reads their
    number.
    """
    promised: int = connection.get_server_pid()
    try:
        status = await connection.execute(f"SELECT WHERE pg_catalog.pg_backend_pid() = {promised:d}")
    except BaseException:
        connection.terminate()
        raise
    return status != "SELECT 1"


async def dial(address: Address, host: Host, session: Session, *, attributes: str, bouncer: bool) -> Connection:
    """Connect to one host; with `bouncer`, the startup packet contains only the application name.

    It raises the errors of asyncpg and of the operating system. The caller limits the time.
    """
    settings = session.settings_for(address.user)
    name = {"application_name": session.name_for(address)}
    options = {"options": address.parameters["options"]} if "options" in address.parameters else {}
    connection: Connection = await asyncpg.connect(
        host=host.name,
        port=host.port,
        user=address.user,
        password=address.password.get_secret_value() if address.password else None,
        database=address.database,
        ssl=False if host.is_socket else address.tls.asyncpg_ssl,
        # Not None, because asyncpg would then read PGSSLNEGOTIATION.
        direct_tls=address.tls.is_direct and not host.is_socket,
        target_session_attrs=attributes,
        connection_class=Connection,
        command_timeout=session.command_timeout,
        statement_cache_size=0 if bouncer else 100,
        server_settings=name if bouncer else {**name, **options, **settings},
    )
    if bouncer:
        connection.behind_bouncer = True
        connection.standing = "; ".join(_set_local(name, value) for name, value in settings.items())
    _keep_alive(connection)
    return connection


def _set_local(name: str, value: str) -> str:
    return f"SET LOCAL {sql.identifier(name)} = {sql.literal(value)}"


def _keep_alive(connection: Connection) -> None:
    """Make the kernel detect a vanished peer; asyncpg has no options for its socket."""
    channel = connection._transport.get_extra_info("socket")  # noqa: SLF001  # asyncpg has no public name for it.
    if channel is None or channel.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS.items():
        option = getattr(socket, name, None)  # macOS and Windows have only some of them.
        if option is not None:
            channel.setsockopt(socket.IPPROTO_TCP, option, value)
