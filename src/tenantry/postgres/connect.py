"""Connect to a database within a deadline, with several hosts, retries and new credentials.

asyncpg has one time limit for all hosts, so a first host that drops packets hides a healthy second host. Here each host
has its own time limit, which grows with each round: at first short, so that the next host gets its turn, later long
enough for a slow server. Temporary failures (no server listens yet, the server starts up, the name is not resolved) are
retried for `patience` seconds. After a refused password, the source reads the newest credentials, once for all waiting
connections.
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

# A rotation changes the password in the database and in the store one after the other, so a refresh between the two
# changes returns a wrong password.
REFRESHES = 3

# Seconds for which a failed host is tried last, so that not every new connection of a pool waits for it.
PENALTY = 30.0

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
    """Open one connection; `Connector` opens many."""
    connector = Connector(source, Session(application_name, role, server_settings or {}))
    return await connector.connect(deadline=deadline, patience=patience)


@dataclass(slots=True)
class Clock:
    """The end of a call (`ends`) and of its retries (`gives_up`), in seconds of `time.monotonic()`."""

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
        """Wait before the next attempt, with exponential backoff and jitter; return False if no time is left.

        After a timeout, retries go on until `ends`, not `gives_up`: a host that did not answer within its short time
        limit may be slow.
        """
        until = self.ends if isinstance(failure, TimeoutError) else self.gives_up
        pause = min(LONGEST_PAUSE, SHORTEST_PAUSE * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311  # no secret
        if time.monotonic() + pause >= until:
            return False
        await asyncio.sleep(pause)
        return True


@dataclass(slots=True)
class Connector:
    """Opens connections with the same session settings; remembers failed hosts and if there is a connection pooler."""

    source: AddressSource
    session: Session
    is_bouncer: bool | None = None
    # The last address that the server accepted. During a rotation, it may differ from the store's current address.
    _accepted: Address | None = None
    _failed: dict[Host, float] = field(default_factory=dict)

    async def connect(self, *, deadline: float, patience: float | None = None) -> Connection:
        """Open a connection within `deadline` seconds; retry temporary failures for `patience` seconds.

        `patience=None` means until the deadline, `patience=0` means no retry.

        Raises:
            DatabaseUnavailable: no connection was opened. The error has the address without its password, the reason
                and the remedy.
            SecretUnavailable: the source returned no credentials.
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
                # The first refresh follows immediately. Later refreshes wait, so that a running rotation can end.
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
                "The source of the database's credentials did not answer within the connection's time limit.",
                remedy="Check that the store of secrets works, and that this machine can reach it.",
            ) from error

    async def _first_login(self, candidates: Sequence[Address], clock: Clock, attempt: int) -> Connection:
        """Connect with the first candidate whose credentials the server accepts."""
        for address in candidates[:-1]:
            try:
                return await self._first_host(address, clock, attempt)
            except DRIVER_ERRORS as error:
                if prospect_of(error) is not Prospect.CREDENTIALS:
                    raise
        return await self._first_host(candidates[-1], clock, attempt)

    async def _first_host(self, address: Address, clock: Clock, attempt: int) -> Connection:
        """Connect to the first host that has the requested `target_session_attrs`, each within its own time limit."""
        longest = float(address.parameters.get("connect_timeout") or 0) or FIRST_BUDGET * 2**attempt
        wanted = address.target_session_attrs
        # "prefer-standby" takes two rounds over the hosts: the first accepts standbys only, the second any server.
        passes = ("standby", "any") if wanted == "prefer-standby" else (wanted,)
        tries = [(attributes, host) for attributes in passes for host in self._in_order(address.hosts)]
        failure: Exception = TimeoutError()
        for place, (attributes, host) in enumerate(tries):
            budget = min(longest, clock.left / (len(tries) - place))
            try:
                connection = await self._dial(address, host, attributes, budget)
            except DRIVER_ERRORS as error:
                failure = error
                self._failed[host] = time.monotonic()
                if prospect_of(error) is not Prospect.TIME:
                    raise
            else:
                self._failed.pop(host, None)
                self._accepted = address
                return connection
        raise failure

    def _in_order(self, hosts: Iterable[Host]) -> list[Host]:
        """Return the hosts in their order, but with recently failed hosts last."""
        recently = time.monotonic() - PENALTY
        return sorted(hosts, key=lambda host: self._failed.get(host, 0.0) > recently)

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
