"""Runs a host under uvicorn, for `tenantry up`.

Invariant: the port is bound before anything starts, so that a port in use is reported at once. Every way of stopping
returns an exit status, and no traceback is printed.
"""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from tenantry import errors
from tenantry.fastapi.connection_limits import LimitedProtocol
from tenantry.fastapi.hosting import Host

__all__ = ["bind", "serve"]

INTERRUPTED = 130
FAILED = 1
# Seconds that the server waits for running requests, so that a hanging request cannot prevent the stop.
LONGEST_STOP = 10


def serve(
    app: Host, *, port: int = 8000, address: str = "127.0.0.1", on_ready: Callable[[], None] | None = None
) -> int:
    """Serve `app` until a signal stops it; return the exit status: 0 after SIGTERM, 130 after Ctrl-C, 1 if it failed.

    `on_ready` is called once, when the server accepts requests.

    Raises:
        PortInUse: another program listens on the port.
        TenantryError: a service could not start.
    """
    with bind(address, port) as listener:
        return _run(app, listener, on_ready)


def bind(address: str, port: int) -> socket.socket:
    """Return a socket bound to the port.

    Raises:
        PortInUse: another program listens on the port.
        ServerError: the address or the port cannot be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the socket names its protocol. Without the option, the body of an answer waits
    # until the client has acknowledged the head, which takes 40 ms on a connection that is kept.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Connections of the last run in TIME_WAIT must not prevent the next start.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        # uvicorn listens only after the services are open; until then another program could bind the port.
        listener.listen()
    except OSError as error:
        listener.close()
        remedy = "Choose another one: `PORT=9000 make up`, or `tenantry up --port 9000`."
        if error.errno == errno.EADDRINUSE:
            raise errors.PortInUse(f"Port {port} is in use by another program.", remedy=remedy) from error
        raise errors.ServerError(
            f"Port {port} on {address} cannot be used.", why=f"{error.strerror}.", remedy=remedy
        ) from error
    return listener


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._tell = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._tell is not None:
            self._tell()


def _run(app: Host, listener: socket.socket, on_ready: Callable[[], None] | None) -> int:
    config = uvicorn.Config(
        app,
        http=LimitedProtocol,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=LONGEST_STOP,
    )
    # The error of a failed start is raised below. Without a handler, Python would print it too.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    # uvicorn raises the signal that stopped it again, for the handler from before; this function is the handler.
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _Server(config, on_ready).run(sockets=[listener])
    except SystemExit:
        # uvicorn exits in this way when the lifespan failed.
        if app.refusal is not None:
            raise app.refusal from None
        return FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return INTERRUPTED if signal.SIGINT in received else 0
