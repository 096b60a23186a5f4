"""Running a host under uvicorn from our own program: what `tenantry up` does in the foreground.

Invariant: the port is taken before anything is started, so that a port in use costs nothing and is said plainly; and
every way of stopping ends here with a number, never with a traceback.
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
from tenantry.fastapi.host import Host

__all__ = ["bind", "serve"]

INTERRUPTED = 130
FAILED = 1
# A request that hangs may not keep a process from ending.
LONGEST_FAREWELL = 10


def serve(
    app: Host, *, port: int = 8000, address: str = "127.0.0.1", on_ready: Callable[[], None] | None = None
) -> int:
    """Serve `app` until a signal stops it; return the exit status: 0 after SIGTERM, 130 after Ctrl-C, 1 if it failed.

    `on_ready` is called once, when requests are accepted.

    Raises:
        PortInUse: another program listens there.
        TenantryError: what kept a service from starting.
    """
    with bind(address, port) as listener:
        return _run(app, listener, on_ready)


def bind(address: str, port: int) -> socket.socket:
    """Return a socket bound to the port.

    Raises:
        PortInUse: another program listens there.
        ServerError: the address or the port may not be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only where the socket names its protocol. Without the option, the body of an answer waits
    # until the client has acknowledged the head, which takes 40 ms on a connection that is kept.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Connections of the last run still in TIME_WAIT must not keep the next one from starting.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        # uvicorn would listen only after the services have been opened; a second program could bind until then.
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
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_graceful_shutdown=LONGEST_FAREWELL,
    )
    # What keeps a service from starting is raised below; without any handler Python would print it as well.
    logging.getLogger("uvicorn").addHandler(logging.NullHandler())
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    # uvicorn raises the signal that stopped it once more, for whoever handled it before: that is we.
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        _Server(config, on_ready).run(sockets=[listener])
    except SystemExit:
        # uvicorn's own end when the lifespan failed.
        if app.refusal is not None:
            raise app.refusal from None
        return FAILED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return INTERRUPTED if signal.SIGINT in received else 0
