"""One attempt to connect to one host: login, TLS, socket options, and what the session must hold.

The role is sent with the startup packet, so that it is the session's own: `RESET ROLE` returns to it instead of to the
login (manual, SET ROLE). A connection pooler refuses such settings (SQLSTATE 08P01), or quietly drops them, and shares
the session between clients besides; behind one, role and timeouts go into each transaction's BEGIN, and nothing is
prepared under a name that another client could use.
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

# A peer that vanished is noticed after about five seconds: two of silence, then probes a second apart; and no data may
# wait longer for its acknowledgement (tcp(7)). Milliseconds for the last one.
TCP_OPTIONS = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}


@dataclass(frozen=True, slots=True)
class Session:
    """What every session of a pool holds: its name, its role, its settings, and the client's own time limit.

    `command_timeout`, in seconds, bounds the wait for an answer on our side: a frozen server enforces no timeout.
    """

    application_name: str
    role: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    command_timeout: float | None = None

    def settings_for(self, login: str) -> dict[str, str]:
        """Return the settings for a login, the role among them when it is not the login itself."""
        role = {"role": self.role} if self.role and self.role != login else {}
        return {**self.settings, **role}

    def name_for(self, address: Address) -> str:
        """Return the application's name; one given in the address is the operator's, and wins."""
        return address.parameters.get("application_name") or self.application_name


def is_refused_setting(error: BaseException) -> bool:
    """Tell whether a pooler refused the startup packet because of a setting in it."""
    return isinstance(error, asyncpg.ProtocolViolationError)


async def is_shared(connection: Connection) -> bool:
    """Tell whether a pooler stands between: the process that answers is not the one the login was promised.

    The question is one message of the simple protocol. It prepares nothing that would stay on a pooled connection, and
    a pooler hands the whole of it to one server, in transaction and in statement mode. asyncpg drops the rows of such
    a message, so their number is the answer.
    """
    promised: int = connection.get_server_pid()
    try:
        status = await connection.execute(f"SELECT WHERE pg_catalog.pg_backend_pid() = {promised:d}")
    except BaseException:
        connection.terminate()
        raise
    return status != "SELECT 1"


async def dial(address: Address, host: Host, session: Session, *, attributes: str, bouncer: bool) -> Connection:
    """Connect to one host; `bouncer` keeps everything but the name out of the startup packet.

    Raises what asyncpg and the operating system raise. The caller bounds the time.
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
    """Let the kernel notice a peer that vanished; asyncpg has no options for its socket."""
    channel = connection._transport.get_extra_info("socket")  # noqa: SLF001  # asyncpg gives no other way to it.
    if channel is None or channel.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in TCP_OPTIONS.items():
        option = getattr(socket, name, None)  # macOS and Windows know only some of them.
        if option is not None:
            channel.setsockopt(socket.IPPROTO_TCP, option, value)
