"""The one question that connecting asks: which addresses should be tried?

`current` is cheap and cached; `refresh` asks the store again. However many connections are refused at once, a store
sees one request: those who come while it is under way wait for its answer.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from tenantry.address import Address


@runtime_checkable
class AddressSource(Protocol):
    """Knows the address of a database, and asks again when its password was refused."""

    async def current(self) -> Address:
        """Return the address that was good when last asked."""
        ...

    async def refresh(self) -> Sequence[Address]:
        """Ask the store now and return the addresses to try, the likeliest first."""
        ...


class StaticSource:
    """An address that was given once, in a variable, and cannot change while the process lives."""

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
    """A source whose store is outside the process: the cache and the single flight; `fetch` is the store's part."""

    def __init__(self) -> None:
        self._address: Address | None = None
        self._flight: asyncio.Task[tuple[Address, ...]] | None = None

    @abstractmethod
    async def fetch(self) -> tuple[Address, ...]:
        """Read the store and return at least one address, the likeliest first."""

    async def current(self) -> Address:
        """Return the cached address; the first call asks the store."""
        return self._address or (await self.refresh())[0]

    async def refresh(self) -> Sequence[Address]:
        """Ask the store, or wait for the answer of a request that is under way."""
        flight = self._flight
        # A flight of a closed event loop would never land.
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            flight = self._flight = asyncio.create_task(self._fly())
            # Asked here for its exception, so that a flight all of whose passengers were cancelled fails in silence.
            flight.add_done_callback(lambda task: task.cancelled() or task.exception())
        # Shielded: one request that is cancelled must not take the answer from the others.
        return await asyncio.shield(flight)

    async def _fly(self) -> tuple[Address, ...]:
        found = await self.fetch()
        self._address = found[0]
        return found
