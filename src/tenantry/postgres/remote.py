"""A PostgreSQL that others run, behind the same interface: there is an address, and nothing to start or stop."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from tenantry import errors
from tenantry.address import Address
from tenantry.postgres.handshake import Answer, ask
from tenantry.postgres.server import ServerKind, ServerStatus

__all__ = ["RemoteServer"]


class RemoteLease:
    """The lease of a server that does not stop when we leave."""

    def close(self) -> None:
        """Do nothing: whoever runs the server decides how long it runs."""

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
        """Others run it."""
        return "remote"

    def lease(self) -> RemoteLease:
        """Return a lease that holds nothing; whether the server answers is found out by connecting."""
        return RemoteLease()

    def stop(self) -> None:
        """Refuse.

        Raises:
            ServerError: always; we did not start this server.
        """
        raise errors.ServerError(
            f"The server at {self._address.redacted} was not stopped.",
            why="It is not run by Tenantry.",
            remedy="Stop it where it is run.",
        )

    def status(self) -> ServerStatus:
        """Knock at the hosts, one after the other; running means that one of them serves."""
        running = any(
            ask(host, user=self._address.user, database=self._address.database) is Answer.READY
            for host in self._address.hosts
        )
        return ServerStatus(self.kind, running, address=self._address)

    def address(self, database: str | None = None, user: str | None = None) -> Address:
        """Return the address, for another database or user where one is given."""
        return self._address.replace(database=database or self._address.database, user=user or self._address.user)
