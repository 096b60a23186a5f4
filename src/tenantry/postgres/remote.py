"""A PostgreSQL server that Tenantry does not run: it has an address, and cannot be started or stopped."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.handshake import Answer, ask
from tenantry.postgres.server import ServerKind, ServerStatus

__all__ = ["RemoteServer"]


class RemoteLease:
    """The lease of a server that Tenantry does not run."""

    def close(self) -> None:
        """Do nothing, because the server keeps running."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class RemoteServer:
    """The server at an address."""

    def __init__(self, address: Address) -> None:
        self._address = address

    @property
    def kind(self) -> ServerKind:
        """The kind "remote"."""
        return "remote"

    def lease(self) -> RemoteLease:
        """Return a lease without effect. It does not check if the server answers."""
        return RemoteLease()

    def stop(self) -> None:
        """Refuse to stop the server.

        Raises:
            ServerError: always, because Tenantry did not start the server.
        """
        raise errors.ServerError(
            f"The server at {self._address.redacted} was not stopped.",
            why="Tenantry does not run this server.",
            remedy="Stop it on its host, with its own service manager.",
        )

    def status(self) -> ServerStatus:
        """Ask the hosts one after the other; `running` means that one of them accepts connections."""
        running = any(
            ask(host, user=self._address.user, database=self._address.database) is Answer.READY
            for host in self._address.hosts
        )
        return ServerStatus(self.kind, running, address=self._address)

    def address(self, database: str | None = None, user: str | None = None) -> Address:
        """Return the address, with another database or user if given."""
        return self._address.replace(database=database or self._address.database, user=user or self._address.user)
