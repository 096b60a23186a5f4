from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tenantry.fastapi.draining import Draining


@pytest.fixture
def server() -> Iterator[list[int]]:
    """Handle the stop signals as a server does; returns the list of those that reached it."""
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda number, _frame: received.append(number)) for number in numbers]
    yield received
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def test_sigterm_withdraws_readiness_at_once_and_stops_after_the_grace(server: list[int]) -> None:
    draining = Draining(grace=0.2)
    with draining.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        assert draining.is_draining
        assert server == []
        await asyncio.sleep(0.3)
        assert server == [signal.SIGTERM]


async def test_ctrl_c_does_not_wait(server: list[int]) -> None:
    draining = Draining(grace=60)
    with draining.on_signals():
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
        assert draining.is_draining
        assert server == [signal.SIGINT]


async def test_a_second_signal_ends_the_grace(server: list[int]) -> None:
    draining = Draining(grace=60)
    with draining.on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        assert server == [signal.SIGTERM]


async def test_without_grace_the_signal_goes_through(server: list[int]) -> None:
    with Draining(grace=0).on_signals():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        assert server == [signal.SIGTERM]


async def test_the_handlers_of_the_server_are_put_back(server: list[int]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Draining().on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


async def test_without_a_server_nothing_is_changed() -> None:
    """A signal whose handler is the system's own would otherwise be swallowed for the length of the grace."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with Draining().on_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_changed() -> None:
    entered = []

    def run() -> None:
        with Draining().on_signals():
            entered.append(True)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert entered == [True]
