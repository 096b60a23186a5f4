"""A slot comes back whatever happens to its connection or to the caller who waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest
from sqlalchemy.util import greenlet_spawn

from tenantry.postgres.slots import Slots


@dataclass(eq=False)
class Slot:
    """As much of SQLAlchemy's record as matters here."""

    name: str
    dbapi_connection: object | None = None

    def connect(self) -> Slot:
        self.dbapi_connection = object()
        return self


def make(*names: str) -> tuple[Slots, dict[str, Slot]]:
    slots = {name: Slot(name) for name in names}
    return Slots(cast("Any", slots.values())), slots


async def take(slots: Slots, seconds: float = 5) -> Slot:
    return cast("Slot", await greenlet_spawn(slots.take, seconds))


async def test_the_last_one_returned_is_taken_first_and_an_empty_one_last() -> None:
    slots, by_name = make("a", "b", "c", "d")
    taken = [await take(slots) for _ in range(4)]
    assert set(taken) == set(by_name.values())
    for name in ("a", "b", "c"):
        slots.give(cast("Any", by_name[name].connect()))
    slots.give(cast("Any", by_name["d"]))
    assert (slots.resting, slots.opened, slots.taken) == (3, 3, 0)
    assert [(await take(slots)).name for _ in range(4)] == ["c", "b", "a", "d"]
    assert (slots.resting, slots.opened, slots.taken) == (0, 3, 4)


async def test_the_longest_resting_one_is_the_first_that_was_returned() -> None:
    slots, by_name = make("a", "b")
    for _ in by_name:
        await take(slots)
    assert (slots.resting_since(), slots.take_longest_resting()) == (None, None)
    for slot in by_name.values():
        slots.give(cast("Any", slot.connect()))
    since = slots.resting_since()
    assert cast("Any", slots.take_longest_resting()).name == "a"
    assert since is not None
    assert since <= cast("float", slots.resting_since())


async def test_callers_are_served_in_their_order_and_no_newcomer_overtakes() -> None:
    """Whoever returns a slot and asks again at once waits behind those who came before."""
    slots, _ = make("only")
    slot = await take(slots)
    order: list[int] = []

    async def wait(number: int) -> None:
        slots.give(cast("Any", await take(slots)))
        order.append(number)

    waiting = [asyncio.create_task(wait(number)) for number in range(20)]
    await asyncio.sleep(0)
    slots.give(cast("Any", slot))
    await take(slots)
    assert order == list(range(20))
    await asyncio.gather(*waiting)


async def test_a_wait_ends_in_time_and_takes_nothing_along() -> None:
    slots, _ = make("only")
    slot = await take(slots)
    with pytest.raises(TimeoutError):
        await take(slots, 0.01)
    slots.give(cast("Any", slot))
    assert (await take(slots, 0.01)) is slot


async def test_a_slot_is_not_lost_with_the_caller_to_whom_it_was_handed() -> None:
    """Cancelled in the moment between: the slot goes to the next one who waits, or back."""
    slots, _ = make("only")
    slot = await take(slots)
    first, second = (asyncio.create_task(take(slots)) for _ in range(2))
    await asyncio.sleep(0)
    slots.give(cast("Any", slot))
    first.cancel()
    assert await second is slot
    with pytest.raises(asyncio.CancelledError):
        await first
    third = asyncio.create_task(take(slots))
    await asyncio.sleep(0)
    slots.give(cast("Any", slot))
    third.cancel()
    await asyncio.gather(third, return_exceptions=True)
    assert slots.taken == 0
    assert await take(slots, 0.01) is slot
