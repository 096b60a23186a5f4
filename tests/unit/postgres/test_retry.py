from __future__ import annotations

import errno

import asyncpg
import pytest
import stamina
from sqlalchemy.exc import DBAPIError

from tenantry import errors
from tenantry.postgres.retry import is_retryable, retry_transaction


def by_state(state: str) -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": state, "M": "made up", "S": "ERROR"})


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("state", ["40001", "40P01", "57P01", "57P02", "57P03", "08006", "08003"])
def test_what_passes_is_retryable(state: str) -> None:
    assert is_retryable(by_state(state))


@pytest.mark.parametrize(
    "state",
    [
        "22012",
        "22P02",
        "23505",
        "23503",
        "42501",
        "42601",
        "42P01",
        "25006",
        "25P02",
        "57014",
        "28P01",
        "3D000",
        "08P01",
    ],
)
def test_what_stays_is_not_retryable(state: str) -> None:
    """25006 among them, unless the pool dropped the connection for it."""
    assert not is_retryable(by_state(state))


@pytest.mark.parametrize("is_dropped", [True, False])
def test_a_read_only_server_is_retryable_once_its_connections_are_dropped(is_dropped: bool) -> None:  # noqa: FBT001
    wrapped = DBAPIError("INSERT", {}, by_state("25006"), connection_invalidated=is_dropped)
    assert is_retryable(wrapped) is is_dropped


def test_after_commit_nothing_is_retryable() -> None:
    """Although the cause, a lost connection, would be."""
    lost = ConnectionResetError()
    assert is_retryable(lost)
    assert not is_retryable(caused(errors.OutcomeUnknown("x"), lost))
    assert not is_retryable(
        DBAPIError("COMMIT", {}, caused(errors.OutcomeUnknown("x"), lost), connection_invalidated=True)
    )


def test_a_unit_of_work_that_changed_nothing_is_retryable() -> None:
    """Also when our own limit ended it; another unavailable database may have done half of the work."""
    assert is_retryable(caused(errors.DatabaseUnavailable("x", is_repeatable=True), TimeoutError()))
    assert not is_retryable(caused(errors.DatabaseUnavailable("x"), TimeoutError()))


def test_what_the_kernel_gave_up_is_retryable() -> None:
    """TCP_USER_TIMEOUT ended the connection; unlike a limit of our own, nothing can be running there any more."""
    assert is_retryable(TimeoutError(errno.ETIMEDOUT, "timed out"))


def test_a_full_pool_is_not_helped_by_more_callers() -> None:
    assert not is_retryable(caused(errors.PoolTimeout("x"), TimeoutError()))


@pytest.mark.parametrize("error", [ValueError(), TimeoutError(), asyncpg.InterfaceError("in use"), KeyError()])
def test_an_error_of_the_program_is_not_retryable(error: Exception) -> None:
    """A time limit of our own neither: the statement may be running still."""
    assert not is_retryable(error)


async def test_it_gives_up_with_the_last_error_itself() -> None:
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        raise by_state("40001")

    with stamina.set_testing(testing=True, attempts=3), pytest.raises(asyncpg.SerializationError):
        await retry_transaction(fail)
    assert tries == 3


async def test_it_returns_what_the_unit_of_work_returns() -> None:
    async def work() -> int:
        return 7

    assert await retry_transaction(work) == 7
