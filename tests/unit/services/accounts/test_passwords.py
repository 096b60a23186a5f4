from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import argon2
import pytest
from pydantic import SecretStr, TypeAdapter, ValidationError

from accounts.passwords import GivenPassword, NewPassword, Passwords, Verdict
from accounts.settings import Settings
from tenantry.fastapi import Problem

RIGHT, WRONG = SecretStr("correct horse battery staple"), SecretStr("wrong")


def cheap(**changes: Any) -> Settings:
    return Settings(**{"password_memory": 8, **changes})


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    async with Passwords(cheap()) as opened:
        yield opened


async def test_a_hash_fits_its_password_alone(passwords: Passwords) -> None:
    hashed = await passwords.hash(RIGHT)
    assert hashed.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert await passwords.verify(RIGHT, hashed) == Verdict(is_right=True)
    assert await passwords.verify(WRONG, hashed) == Verdict(is_right=False)
    assert hashed != await passwords.hash(RIGHT)


async def test_without_a_hash_nothing_is_right(passwords: Passwords) -> None:
    """Nor with one that is none, or empty."""
    for hashed in (None, "", "$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$abc$def", "plain text"):
        assert await passwords.verify(RIGHT, hashed) == Verdict(is_right=False)


async def test_a_stored_text_that_is_no_hash_is_logged_without_it(
    passwords: Passwords, caplog: pytest.LogCaptureFixture
) -> None:
    await passwords.verify(RIGHT, "plain text")
    assert "not an argon2 hash" in caplog.text
    assert "plain text" not in caplog.text


async def test_without_a_hash_the_comparison_takes_as_long() -> None:
    async with Passwords(cheap(password_memory=16384)) as passwords:
        hashed = await passwords.hash(RIGHT)
        times: dict[str | None, list[float]] = {hashed: [], None: []}
        for _ in range(20):
            for stored, spent in times.items():
                began = time.perf_counter()
                await passwords.verify(WRONG, stored)
                spent.append(time.perf_counter() - began)
    known, unknown = (statistics.median(spent) for spent in times.values())
    assert 0.7 < known / unknown < 1.4


@pytest.mark.parametrize("change", [{"password_memory": 16}, {"password_passes": 2}])
async def test_other_parameters_give_a_new_hash(passwords: Passwords, change: dict[str, int]) -> None:
    """For a right password only: a wrong one is not what the hash shall be of."""
    old = await passwords.hash(RIGHT)
    async with Passwords(cheap(**change)) as other:
        assert await other.verify(WRONG, old) == Verdict(is_right=False)
        verdict = await other.verify(RIGHT, old)
        assert verdict.is_right
        assert verdict.rehashed is not None
        assert await other.verify(RIGHT, verdict.rehashed) == Verdict(is_right=True)


@pytest.mark.parametrize(
    ("password", "names", "code"),
    [
        ("x" * 9, (), "password_too_short"),
        ("password123", (), "password_guessable"),
        ("PASSWORD123", (), "password_guessable"),
        ("Ada Lovelace", ("ada lovelace",), "password_guessable"),
    ],
)
async def test_a_new_password_may_be_refused(password: str, names: tuple[str, ...], code: str) -> None:
    async with Passwords(cheap(password_shortest=10)) as passwords:
        with pytest.raises(Problem) as caught:
            await passwords.hash(SecretStr(password), *names)
        assert (caught.value.answer.status, caught.value.answer.code) == (422, code)
        assert password not in str(caught.value)


async def test_no_more_run_than_there_are_threads(passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait; and what is cancelled while it waits is never run."""
    running, most, runs = 0, 0, 0
    gate = threading.Lock()

    def slow(_hasher: object, *_arguments: object) -> str:
        nonlocal running, most, runs
        with gate:
            running, runs = running + 1, runs + 1
            most = max(most, running)
        time.sleep(0.02)
        with gate:
            running -= 1
        return ""

    monkeypatch.setattr(argon2.PasswordHasher, "hash", slow)
    tasks = [asyncio.create_task(passwords.hash(RIGHT)) for _ in range(12)]
    await asyncio.sleep(0.01)
    for task in tasks[6:]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(result, asyncio.CancelledError) for result in results] == [False] * 6 + [True] * 6
    assert (most, runs) == (2, 6)


async def test_a_full_queue_is_refused_and_an_emptied_one_is_not() -> None:
    async with Passwords(cheap(password_memory=16384, password_threads=1, password_queue=1)) as passwords:
        results = await asyncio.gather(*(passwords.verify(WRONG, None) for _ in range(5)), return_exceptions=True)
        refused = [result for result in results if isinstance(result, Problem)]
        assert len(refused) == 3
        assert {(one.answer.status, one.answer.code) for one in refused} == {(503, "passwords_busy")}
        assert refused[0].answer.headers["Retry-After"]
        assert await passwords.verify(WRONG, None) == Verdict(is_right=False)


@pytest.mark.parametrize("kind", [GivenPassword, NewPassword])
@pytest.mark.parametrize("value", ["", "x" * 1025, "\ud800 and more", 12345678, ["a list of a password"]])
def test_what_is_no_password_is_refused_without_repeating_it(kind: Any, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    messages = [one["msg"] for one in caught.value.errors()]
    assert not [message for message in messages if value and str(value) in message]


def test_a_password_is_not_shown() -> None:
    password = TypeAdapter(NewPassword).validate_python("correct horse battery staple")
    assert "horse" not in repr(password) + str(password)
