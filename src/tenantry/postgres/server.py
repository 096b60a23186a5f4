"""What every PostgreSQL that Tenantry can use has in common: it is leased, asked how it is, and reached at an address.

The invariant: asking never starts anything; only a lease does, and the server stays up for as long as any process holds
one. `embedded` and `remote` are the implementations.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

from tenantry.address import Address

__all__ = ["Lease", "Server", "ServerKind", "ServerStatus"]

# "embedded" runs the programs of the wheel, "system" those of an installed PostgreSQL; "remote" is run by others.
ServerKind = Literal["embedded", "system", "remote"]


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known about a server without starting it; None where nothing is.

    `version` is the one of the programs, such as "18.4"; `pid` is the postmaster's. The address is kept while the
    server is down, if it will be the same after the next start.
    """

    kind: ServerKind
    running: bool
    version: str | None = None
    pid: int | None = None
    data_directory: Path | None = None
    address: Address | None = None


class Lease(Protocol):
    """Keeps a server up until it is closed, or until the process that holds it ends."""

    def close(self) -> None:
        """Give the lease back; the server stops with the last one. Closing twice is harmless."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...


class Server(Protocol):
    """One PostgreSQL server. All calls block; inside an event loop use `asyncio.to_thread`."""

    @property
    def kind(self) -> ServerKind:
        """Who runs the server."""

    def lease(self) -> Lease:
        """Start the server unless it is up, and keep it up until the lease is closed.

        Raises:
            ServerError: it could not be started.
        """

    def stop(self) -> None:
        """Stop the server even if leases are held, and return when it is gone.

        Raises:
            ServerError: it could not be stopped, or is not ours to stop.
        """

    def status(self) -> ServerStatus:
        """Say how the server is, and start nothing."""

    def address(self, database: str | None = None, user: str | None = None) -> Address:
        """Return where a database of the server is; a local one defaults to its superuser `postgres`.

        Raises:
            ServerError: the server was never started, so it has no address yet.
        """
