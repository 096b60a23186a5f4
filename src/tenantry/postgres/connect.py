"""Reaching a database within a deadline, whatever stands in the way.

asyncpg spends one budget on all hosts, so that a first host which swallows packets hides a healthy second one. Here
each host has a budget of its own, growing from round to round: short enough to move on, long enough at last for a
server that is merely slow. What may pass (nobody listens yet, starting up, a name not resolved) is tried again while
patience lasts; a refused password asks the source for the newest credentials, once for all who wait.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import asyncpg

from tenantry import errors
from tenantry.address import Address, Host
from tenantry.postgres.connection import DRIVER_ERRORS, Connection
from tenantry.postgres.diagnosis import Prospect, explain, prospect_of
from tenantry.postgres.dial import Session, dial, is_refused_setting, is_shared
from tenantry.secrets import AddressSource, StaticSource

__all__ = ["Connector", "connect"]

FIRST_BUDGET = 2.0
SHORTEST_PAUSE, LONGEST_PAUSE = 0.05, 0.5

# A rotation sets the password in the database and in the store one after the other; in between, neither is right.
REFRESHES = 3

# A host that failed is asked last for so long, lest every new connection of a pool pay for it again.
DISGRACE = 30.0

_Answer = TypeVar("_Answer")


async def connect(
    source: AddressSource,
    *,
    deadline: float,
    application_name: str,
    role: str | None = None,
    server_settings: Mapping[str, str] | None = None,
    patience: float | None = None,
) -> Connection:
    """Open one connection; see `Connector`, which is for many."""
    connector = Connector(source, Session(application_name, role, server_settings or {}))
    return await connector.connect(deadline=deadline, patience=patience)


@dataclass(slots=True)
class Clock:
    """How long a call may last (`ends`), and how long it goes on trying (`gives_up`); loop-independent seconds."""

    ends: float
    gives_up: float

    @classmethod
    def start(cls, deadline: float, patience: float | None) -> Clock:
        now = time.monotonic()
        return cls(now + deadline, now + (deadline if patience is None else min(patience, deadline)))

    @property
    def left(self) -> float:
        return max(0.0, self.ends - time.monotonic())

    async def pause(self, attempt: int, failure: Exception) -> bool:
        """Wait a little, longer each time and never in step with others; False when there is no time for more.

        Patience is for what fails at once. An answer that did not come within one host's budget is not a failure yet.
        """
        until = self.ends if isinstance(failure, TimeoutError) else self.gives_up
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        if time.monotonic() + pause >= until:
            return False
        await asyncio.sleep(pause)
        return True


@dataclass(slots=True)
class Connector:
    """Makes connections that are all alike, and remembers which hosts failed and whether a pooler stands between."""

    source: AddressSource
    session: Session
    is_bouncer: bool | None = None
    # What the server took last: during a rotation, not what the store calls current.
    _accepted: Address | None = None
    _disgraced: dict[Host, float] = field(default_factory=dict)

    async def connect(self, *, deadline: float, patience: float | None = None) -> Connection:
        """Open a connection within `deadline` seconds; try again what may pass for `patience` seconds (None: as long).

        With `patience=0` nothing that failed is tried again.

        Raises:
            DatabaseUnavailable: with the address (never its password), the reason, and what to do.
            SecretUnavailable: the source has no credentials.
        """
        clock = Clock.start(deadline, patience)
        candidates: Sequence[Address] = [await self._ask(self.source.current(), clock)]
        if self._accepted is not None and self._accepted not in candidates:
            candidates = [*candidates, self._accepted]
        refreshes = attempt = 0
        while True:
            try:
                return await self._first_login(candidates, clock, attempt)
            except DRIVER_ERRORS as error:
                failure, prospect = error, prospect_of(error)
            if prospect is Prospect.CREDENTIALS and refreshes < REFRESHES:
                # The first refresh is at once; later ones leave a rotation under way the time to end.
                goes_on = refreshes == 0 or await clock.pause(attempt + refreshes, failure)
                known, candidates = candidates, list(await self._ask(self.source.refresh(), clock))
                goes_on = goes_on and not (isinstance(self.source, StaticSource) and candidates == list(known))
                refreshes += 1
            else:
                goes_on = prospect is Prospect.TIME and await clock.pause(attempt, failure)
            if not goes_on:
                raise explain(failure, candidates[-1], role=self.session.role) from failure
            attempt += 1

    async def _ask(self, answer: Awaitable[_Answer], clock: Clock) -> _Answer:
        try:
            async with asyncio.timeout(clock.left):
                return await answer
        except TimeoutError as error:
            raise errors.SecretUnavailable(
                "The source of the database's credentials did not answer in time.",
                remedy="Check the store of secrets and the way to it.",
            ) from error

    async def _first_login(self, candidates: Sequence[Address], clock: Clock, attempt: int) -> Connection:
        """Connect with the first candidate whose credentials are not refused."""
        for address in candidates[:-1]:
            try:
                return await self._first_host(address, clock, attempt)
            except DRIVER_ERRORS as error:
                if prospect_of(error) is not Prospect.CREDENTIALS:
                    raise
        return await self._first_host(candidates[-1], clock, attempt)

    async def _first_host(self, address: Address, clock: Clock, attempt: int) -> Connection:
        """Connect to the first host that serves as `target_session_attrs` asks, each within its own budget."""
        longest = float(address.parameters.get("connect_timeout") or 0) or FIRST_BUDGET * 2**attempt
        wanted = address.target_session_attrs
        # A standby if there is one, else any: two rounds, the second over all hosts again.
        passes = ("standby", "any") if wanted == "prefer-standby" else (wanted,)
        tries = [(attributes, host) for attributes in passes for host in self._in_order(address.hosts)]
        failure: Exception = TimeoutError()
        for place, (attributes, host) in enumerate(tries):
            budget = min(longest, clock.left / (len(tries) - place))
            try:
                connection = await self._dial(address, host, attributes, budget)
            except DRIVER_ERRORS as error:
                failure = error
                self._disgraced[host] = time.monotonic()
                if prospect_of(error) is not Prospect.TIME:
                    raise
            else:
                self._disgraced.pop(host, None)
                self._accepted = address
                return connection
        raise failure

    def _in_order(self, hosts: Iterable[Host]) -> list[Host]:
        """Return the hosts as they were given, those that failed a moment ago last."""
        recently = time.monotonic() - DISGRACE
        return sorted(hosts, key=lambda host: self._disgraced.get(host, 0.0) > recently)

    async def _dial(self, address: Address, host: Host, attributes: str, budget: float) -> Connection:
        async with asyncio.timeout(budget):
            if not self.is_bouncer:
                try:
                    connection = await dial(address, host, self.session, attributes=attributes, bouncer=False)
                    if self.is_bouncer is None:
                        self.is_bouncer = await is_shared(connection)
                except asyncpg.PostgresError as error:
                    if not is_refused_setting(error):
                        raise
                else:
                    if not self.is_bouncer:
                        connection.cache_statements()
                        return connection
                    connection.terminate()
            connection = await dial(address, host, self.session, attributes=attributes, bouncer=True)
            self.is_bouncer = True
            return connection
