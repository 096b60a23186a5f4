"""The locks of processes that start. A lock is that of an open file, so threads that open it stand for processes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from lease_holder import wait_until

from tenantry import Service, errors
from tenantry.commands import start_locks
from tenantry.commands.start_locks import StartLocks
from tenantry.project import Project

LONGEST = 10.0


def locks(project: Project, told: list[str] | None = None) -> StartLocks:
    return StartLocks(project, (told if told is not None else []).append, is_embedded=True)


class Waiter:
    """Another process that takes a lock, and has to wait for it."""

    def __init__(self, take: Callable[[StartLocks], AbstractContextManager[object]], project: Project) -> None:
        self._told: list[str] = []
        self._has_it = threading.Event()
        self._lock = take(locks(project, self._told))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert wait_until(lambda: len(self._told) == 1, LONGEST)
        assert not self._has_it.is_set()

    def _run(self) -> None:
        with self._lock:
            self._has_it.set()

    def check(self) -> None:
        """It has got the lock."""
        assert self._has_it.wait(LONGEST)
        self._thread.join()


def test_one_prepares_a_service(project: Project, shop_service: Service) -> None:
    with locks(project).preparing(shop_service):
        other = Waiter(lambda its: its.preparing(shop_service), project)
    other.check()


def test_several_start_at_once(project: Project) -> None:
    with locks(project).starting(), locks(project).starting():
        pass


def test_dropping_waits_until_a_start_has_ended(project: Project) -> None:
    """Which it has when the service accepts requests, long before the block ends."""
    with locks(project).starting() as end_start:
        other = Waiter(StartLocks.dropping, project)
        end_start()
        other.check()


def test_a_start_waits_for_one_that_drops(project: Project) -> None:
    with locks(project).dropping():
        other = Waiter(StartLocks.starting, project)
    other.check()


def test_it_is_given_up_with_the_reason(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_locks, "LOCK_WAIT", 0.1)
    with (
        locks(project).starting(),
        pytest.raises(errors.ServerError, match="another process is starting"),
        locks(project).dropping(),
    ):
        pass


def test_a_start_that_fails_gives_the_lock_back(project: Project) -> None:
    with pytest.raises(ZeroDivisionError), locks(project).dropping():
        raise ZeroDivisionError
    told: list[str] = []
    with locks(project, told).dropping():
        assert told == []


def test_nothing_is_locked_or_made_on_a_server_of_others(project: Project, shop_service: Service) -> None:
    """Many prepare there at once, perhaps in containers that can write nothing."""
    remote = StartLocks(project, lambda _: None, is_embedded=False)
    with remote.dropping(), remote.starting(), remote.preparing(shop_service):
        assert not project.home.exists()
