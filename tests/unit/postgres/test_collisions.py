from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
import stamina

from tenantry.postgres import collisions
from tenantry.postgres.collisions import ATTEMPTS, repeat_on_collision


class Step:
    """A step that fails with these errors, one at each call, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> None:
        self.calls += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)


@pytest.mark.parametrize("kind", collisions._COLLISIONS)
async def test_a_step_that_collides_is_repeated(kind: type[asyncpg.PostgresError]) -> None:
    step = Step(kind("once"), kind("twice"))
    await repeat_on_collision(step)
    assert step.calls == 3


async def test_a_step_may_be_any_callable_that_returns_an_awaitable() -> None:
    """Such as a lambda, which no inspection can tell from a function that returns at once."""
    step = Step(asyncpg.UniqueViolationError("once"))
    await repeat_on_collision(lambda: asyncio.ensure_future(step()))
    assert step.calls == 2


async def test_another_error_ends_the_step_at_once() -> None:
    step = Step(asyncpg.InsufficientPrivilegeError("no"), asyncpg.UniqueViolationError("never raised"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await repeat_on_collision(step)
    assert step.calls == 1


async def test_a_step_that_always_collides_fails_with_its_last_error() -> None:
    step = Step(*(asyncpg.UniqueViolationError(str(number)) for number in range(ATTEMPTS + 1)))
    with pytest.raises(asyncpg.UniqueViolationError, match=f"^{ATTEMPTS - 1}$"):
        await repeat_on_collision(step)
    assert step.calls == ATTEMPTS


async def test_steps_at_once_count_their_own_attempts() -> None:
    steps = [Step(*[asyncpg.UniqueViolationError("again")] * number) for number in range(6)]
    await asyncio.gather(*map(repeat_on_collision, steps))
    assert [step.calls for step in steps] == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def without_retries() -> Iterator[None]:
    stamina.set_active(False)
    yield
    stamina.set_active(True)


@pytest.mark.usefixtures("without_retries")
async def test_who_switches_the_retries_of_transactions_off_keeps_these() -> None:
    """Tests do so, and workers that make roles and databases at once must not fail then (ADR 0023)."""
    step = Step(asyncpg.InternalServerError("tuple concurrently updated"))
    await repeat_on_collision(step)
    assert step.calls == 2


async def test_a_collision_is_neither_logged_nor_printed(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is no trouble, and stdout is the document of a command with --json."""
    await repeat_on_collision(Step(asyncpg.DeadlockDetectedError("once")))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
