"""Every source answers alike, and a store is asked once however many are refused at the same time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tenantry.address import Address
from tenantry.secrets import AddressSource, AWSSource, FileSource, StaticSource
from tenantry.secrets.source import StoredSource

FIRST = Address.parse("postgresql://u:first@h/d")
SECOND = Address.parse("postgresql://u:second@h/d")


class Store(StoredSource):
    """A store in memory that counts its requests and answers when told."""

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.is_open = asyncio.Event()
        self.answer: Address | Exception = FIRST

    async def fetch(self) -> tuple[Address, ...]:
        self.requests += 1
        await self.is_open.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return (self.answer,)


def test_every_source_keeps_the_protocol(tmp_path: Path) -> None:
    for source in (StaticSource(FIRST), FileSource(tmp_path / "url"), AWSSource("shop/db"), Store()):
        assert isinstance(source, AddressSource)


async def test_a_fixed_address_stays() -> None:
    source = StaticSource(FIRST)
    assert await source.current() is FIRST
    assert list(await source.refresh()) == [FIRST]
    assert "first" not in repr(source)


async def test_the_first_answer_is_kept() -> None:
    source = Store()
    source.is_open.set()
    assert await source.current() == FIRST
    source.answer = SECOND
    assert await source.current() == FIRST
    assert source.requests == 1


async def test_a_refresh_passes_the_cache_and_fills_it() -> None:
    source = Store()
    source.is_open.set()
    await source.current()
    source.answer = SECOND
    assert list(await source.refresh()) == [SECOND]
    assert await source.current() == SECOND


async def test_many_refused_at_once_ask_once() -> None:
    source = Store()
    waiting = [asyncio.create_task(source.refresh()) for _ in range(20)]
    await asyncio.sleep(0)
    source.is_open.set()
    assert await asyncio.gather(*waiting) == [(FIRST,)] * 20
    assert source.requests == 1


async def test_the_next_refusal_asks_again() -> None:
    source = Store()
    source.is_open.set()
    await source.refresh()
    await source.refresh()
    assert source.requests == 2


async def test_a_cancelled_waiter_leaves_the_answer_to_the_others() -> None:
    source = Store()
    first, second = (asyncio.create_task(source.refresh()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.is_open.set()
    assert list(await second) == [FIRST]
    assert first.cancelled()
    assert source.requests == 1


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    source = Store()
    source.answer = OSError("away")
    waiting = [asyncio.create_task(source.refresh()) for _ in range(3)]
    await asyncio.sleep(0)
    source.is_open.set()
    assert {str(result) for result in await asyncio.gather(*waiting, return_exceptions=True)} == {"away"}
    source.answer = FIRST
    assert await source.current() == FIRST


def test_a_source_serves_another_event_loop() -> None:
    """A flight of a loop that stands still must not hold up the next loop."""
    source = Store()

    async def ask(is_open: asyncio.Event) -> Address:
        source.is_open = is_open
        is_open.set()
        return await source.current()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        waiting = loop.create_task(source.refresh())
        runner.run(asyncio.sleep(0.01))
        with asyncio.Runner() as other:
            assert other.run(ask(asyncio.Event())) == FIRST
        assert not waiting.done()
