from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tenantry import errors
from tenantry.address import Address, Host
from tenantry.postgres.connect import Clock, Connector
from tenantry.postgres.dial import Session
from tenantry.secrets import StaticSource

ADDRESS = Address((Host("/nonexistent"),), "db", "me")


async def test_patience_is_for_refusals_and_the_deadline_for_silence() -> None:
    clock = Clock.start(10, 0)
    assert await clock.pause(0, TimeoutError())
    assert not await clock.pause(0, ConnectionRefusedError())


async def test_nothing_is_tried_after_the_deadline() -> None:
    clock = Clock.start(0.01, None)
    assert not await clock.pause(5, TimeoutError())
    assert 0 <= clock.left <= 0.01


class Asleep:
    """A store of secrets that does not answer."""

    async def current(self) -> Address:
        await asyncio.sleep(60)
        return ADDRESS

    async def refresh(self) -> Sequence[Address]:
        return [ADDRESS]


async def test_a_store_that_does_not_answer_is_not_waited_for() -> None:
    with pytest.raises(errors.SecretUnavailable, match="did not answer within"):
        await Connector(Asleep(), Session("test")).connect(deadline=0.05)


async def test_a_host_that_failed_is_asked_last_and_forgiven_later(monkeypatch: pytest.MonkeyPatch) -> None:
    connector = Connector(StaticSource(ADDRESS), Session("test"))
    first, second = Host("a"), Host("b")
    with pytest.raises(errors.DatabaseUnavailable):
        await connector.connect(deadline=1, patience=0)
    connector._failed[first] = connector._failed.pop(ADDRESS.hosts[0])
    assert connector._in_order([first, second]) == [second, first]
    monkeypatch.setattr("tenantry.postgres.connect.PENALTY", 0.0)
    assert connector._in_order([first, second]) == [first, second]
