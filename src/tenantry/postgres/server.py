"""The interface of a PostgreSQL server: lease, status, stop and address.

The invariant: only a lease starts the server, and the server runs as long as any process holds a lease. `embedded` and
`remote` are the implementations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from tenantry.address import Address

__all__ = ["Lease", "Server", "ServerKind", "ServerStatus"]

# "embedded" runs the programs of the wheel, "system" runs those of an installed PostgreSQL, and "remote" is a server
# that Tenantry does not run.
ServerKind = Literal["embedded", "system", "remote"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The status of a server; None means unknown.

    `version` is the version of the programs, such as "18.4"; `pid` is the postmaster's. The address is also known while
    the server is down, if it will be the same after the next start.
    """

    kind: ServerKind
    running: bool
    version: str | None = None
    pid: int | None = None
    data_directory: Path | None = None
    address: Address | None = None


class Lease(Protocol):
    """Keeps a server running until the lease is closed, or until its process ends."""

    def close(self) -> None:
        """Release the lease; the server stops with the last lease. A second call does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Server(Protocol):
    """One PostgreSQL server. All calls block; inside an event loop use `asyncio.to_thread`."""

    @property
    def kind(self) -> ServerKind:
        """The kind of the server."""

    def lease(self) -> Lease:
        """Start the server if it is not running, and keep it running until the lease is closed.

        Raises:
            ServerError: the server could not be started.
        """

    def stop(self) -> None:
        """Stop the server even if leases exist, and return when it has ended.

        Raises:
            ServerError: the server could not be stopped, or Tenantry does not run it.
        """

    def status(self) -> ServerStatus:
        """Return the status; never start the server."""

    def address(self, database: str | None = None, user: str | None = None) -> Address:
        """Return the address of a database; the default user of a local server is its superuser `postgres`.

        Raises:
            ServerError: the server was never started, so it has no address yet.
        """
