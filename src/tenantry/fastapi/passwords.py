"""Passwords: argon2id in threads of their own, a bounded number at a time.

Three invariants. The event loop never hashes, and a flood of requests takes no more memory than the settings allow:
what finds the queue full is answered 503 at once. Whether there is a password to compare with shows neither in the
answer nor in the time, because without one a made-up hash is compared. A password leaves its `SecretStr` only for the
library's call, so that no repr, error or log line can hold it.

Texts that look alike are one password (Unicode NFC), because keyboards compose accents differently. There are no rules
of composition: NIST SP 800-63B wants length, a list of refused passwords and slowed-down guessing instead.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.resources
import logging
import secrets
import unicodedata
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Annotated, NamedTuple, Self, TypeVar

import argon2
from fastapi import Depends, FastAPI, Request
from pydantic import AfterValidator, Field, SecretStr

from tenantry.fastapi.problems import Problem
from tenantry.fastapi.sign_in_settings import SignInSettings, sign_in_settings
from tenantry.fastapi.tokens import issue_token

__all__ = ["CurrentPasswords", "GivenPassword", "NewPassword", "Passwords", "Verdict", "open_passwords"]

logger = logging.getLogger(__name__)

# A bound on what a stranger may have hashed; no passphrase comes near it.
LONGEST = 1024


def _check_encodable(password: SecretStr) -> SecretStr:
    """Half of a surrogate pair, which JSON can spell, is no text; later its error would hold the password."""
    try:
        password.get_secret_value().encode()
    except UnicodeEncodeError:
        raise ValueError("It is not text.") from None
    return password


GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST), AfterValidator(_check_encodable)]
NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=LONGEST), AfterValidator(_check_encodable)]

_Result = TypeVar("_Result")


class Verdict(NamedTuple):
    """Whether the password was right; then also its hash anew, where the stored one has other parameters."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and compares, in `async with`; an application holds one for as long as it runs, see `open_passwords`."""

    def __init__(self, settings: SignInSettings) -> None:
        # One lane: more would start threads that our bound does not count.
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.password_passes,
            memory_cost=settings.password_memory,
            parallelism=1,
            type=argon2.Type.ID,
        )
        self._threads = ThreadPoolExecutor(settings.password_threads, "passwords")
        self._most = settings.password_threads + settings.password_queue
        self._under_way = 0
        self._shortest = settings.password_shortest
        self._nobodys = ""

    async def __aenter__(self) -> Self:
        """Make the hash that stands in where there is none."""
        self._nobodys = await self._run(functools.partial(self._hasher.hash, secrets.token_hex(32)))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """End the threads; what is being hashed is finished first."""
        await asyncio.to_thread(self._threads.shutdown)

    async def hash(self, password: SecretStr, *names: str) -> str:
        """Return the hash of a new password; `names` are what its owner is called, which it may not be.

        Raises:
            Problem: 422, the password is too short or among the first that anybody would guess; 503, too many wait.
        """
        text = _text(password)
        if len(text) < self._shortest:
            raise Problem(422, "password_too_short", f"A password has {self._shortest} characters or more.")
        if text.casefold() in {*_guessed_first(), *(name.casefold() for name in names)}:
            raise Problem(422, "password_guessable", "This password is among the first that anybody would guess.")
        return await self._run(functools.partial(self._hasher.hash, text))

    async def verify(self, password: SecretStr, hashed: str | None) -> Verdict:
        """Compare a password with the stored hash, or with nobody's where there is None: the same time, always wrong.

        Raises:
            Problem: 503, too many wait.
        """
        return await self._run(functools.partial(self._verify, _text(password), hashed))

    def _verify(self, text: str, hashed: str | None) -> Verdict:
        try:
            self._hasher.verify(hashed or self._nobodys, text)
        except argon2.exceptions.VerifyMismatchError:
            return Verdict(is_right=False)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            if not hashed:
                raise
            logger.error("A stored password is no hash of argon2; nobody can sign in with it.")  # noqa: TRY400
            return self._verify(text, None)
        if not hashed:
            return Verdict(is_right=False)
        return Verdict(True, self._hasher.hash(text) if self._hasher.check_needs_rehash(hashed) else None)

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        if self._under_way >= self._most:
            sentence = "Too many passwords are being checked. Try again shortly."
            raise Problem(503, "passwords_busy", sentence, headers={"Retry-After": "2"})
        self._under_way += 1
        try:
            # Who leaves while waiting is taken out of the queue: cancelling reaches what has not begun.
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


@asynccontextmanager
async def open_passwords(app: FastAPI) -> AsyncIterator[None]:
    """Give the application its `Passwords`: the `resources` of a service that signs in.

    Raises:
        ConfigurationError: the settings hold no secret, so that no token could be issued.
    """
    settings = sign_in_settings(app.state.settings)
    issue_token(settings, "start")
    async with Passwords(settings) as app.state.passwords:
        yield


def _current_passwords(request: Request) -> Passwords:
    found: Passwords = request.app.state.passwords
    return found


CurrentPasswords = Annotated[Passwords, Depends(_current_passwords)]


def _text(password: SecretStr) -> str:
    return unicodedata.normalize("NFC", password.get_secret_value())


@functools.cache
def _guessed_first() -> frozenset[str]:
    words = importlib.resources.files(__package__).joinpath("guessed_passwords.txt").read_text(encoding="utf-8")
    return frozenset(words.split())
