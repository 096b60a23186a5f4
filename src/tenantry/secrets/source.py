"""Sources of database addresses: which addresses should a connection try?

`current` returns a cached address; `refresh` asks the store again. When many connections are refused at the same time,
the store gets one request: callers that ask while it runs wait for its answer.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tenantry.address import Address


@runtime_checkable
class AddressSource(Protocol):
    """Returns the address of a database, and reads it again when the password was refused."""

    async def current(self) -> Address:
        """Return the address of the last request to the store."""
        ...

    async def refresh(self) -> Sequence[Address]:
        """Ask the store now and return the addresses to try, the most likely first."""
        ...


class StaticSource:
    """An address from a variable, which cannot change while the process runs."""

    def __init__(self, address: Address) -> None:
        self._address = address

    async def current(self) -> Address:
        """Return the address."""
        return self._address

    async def refresh(self) -> Sequence[Address]:
        """Return the same address: there is no store to ask."""
        return (self._address,)

    def __repr__(self) -> str:
        return f"StaticSource({self._address!r})"


class StoredSource(ABC):
    """A source whose store is outside the process: a cache, and one request for concurrent callers."""

    def __init__(self) -> None:
        self._address: Address | None = None
        self._flight: asyncio.Task[tuple[Address, ...]] | None = None

    @abstractmethod
    async def fetch(self) -> tuple[Address, ...]:
        """Read the store and return at least one address, the most likely first."""

    async def current(self) -> Address:
        """Return the cached address; the first call asks the store."""
        return self._address or (await self.refresh())[0]

    async def refresh(self) -> Sequence[Address]:
        """Ask the store, or wait for the answer of a request that is already running."""
        flight = self._flight
        # A task of a closed event loop would never finish.
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            flight = self._flight = asyncio.create_task(self._fly())
            # Retrieve the exception, so that asyncio does not log it when every caller was cancelled.
            flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Shielded: the cancellation of one caller must not cancel the request of the others.
        return await asyncio.shield(flight)

    async def _fly(self) -> tuple[Address, ...]:
        found = await self.fetch()
        self._address = found[0]
        return found
