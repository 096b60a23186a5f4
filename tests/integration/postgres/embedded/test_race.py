from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from lease_holder import LeaseHolder, supervisors_of, wait_until

from tenantry.postgres.binaries import Binaries
from tenantry.postgres.embedded import EmbeddedServer

Start = Callable[..., EmbeddedServer]


def test_two_processes_at_once_get_one_server(start: Start, home: Path, binaries: Binaries) -> None:
    """Both on a folder where even the data are still missing."""
    with LeaseHolder(home, binaries) as first, LeaseHolder(home, binaries) as second:
        assert (first.wait(), second.wait()) == ("held", "held")
        assert len(supervisors_of(home)) == 1
        first.let_go()
        assert start().status().running
        second.let_go()
    assert wait_until(lambda: not supervisors_of(home), 5)


def test_a_killed_starter_does_not_hold_up_the_others(start: Start, home: Path, binaries: Binaries) -> None:
    """At whatever moment of the start it dies, another one gets a server."""
    with start().lease():
        pass
    for delay in (0.15, 0.25, 0.3, 0.4):
        holder = LeaseHolder(home, binaries)
        threading.Timer(delay, holder.process.kill).start()
        with start().lease():
            assert start().status().running
        holder.kill()
        start().stop()
    assert wait_until(lambda: not supervisors_of(home), 5)


async def test_leases_that_come_and_go_always_find_a_server(start: Start, home: Path) -> None:
    """The last lease going and a new one coming meet at every moment of a shutdown."""

    def lease_often() -> int:
        alive = 0
        for _ in range(8):
            with start().lease():
                alive += start().status().running
        return alive

    start().lease().close()
    assert sum(await asyncio.gather(*(asyncio.to_thread(lease_often) for _ in range(3)))) == 24
    assert await asyncio.to_thread(wait_until, lambda: not supervisors_of(home), 5)
