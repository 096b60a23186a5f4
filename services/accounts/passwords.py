"""Hashes and verifies passwords with argon2id, in a limited number of threads.

Invariants. The event loop never hashes. A flood of requests uses no more memory than the settings allow: when the queue
is full, a request gets 503 at once. A user without a stored hash gets the same answer in the same time as a wrong
password, because a dummy hash is compared. A password leaves its `SecretStr` for the library's call only, so no repr,
error or log line contains it.

Different Unicode spellings of one text are one password (NFC), because keyboards compose accents differently. There are
no composition rules: NIST SP 800-63B asks for length, a list of refused passwords and throttling.
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

from accounts.settings import Settings
from tenantry.fastapi import Problem, fields, issue_token

__all__ = ["CurrentPasswords", "GivenPassword", "NewPassword", "Passwords", "Verdict", "open_passwords"]

logger = logging.getLogger(__name__)

# Bounds the work that an anonymous request can cause; no passphrase is this long.
LONGEST = 1024


GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST), AfterValidator(fields.check_encodable)]
NewPassword = Annotated[SecretStr, Field(min_length=8, max_length=LONGEST), AfterValidator(fields.check_encodable)]

_Result = TypeVar("_Result")


class Verdict(NamedTuple):
    """Whether the password is correct; `rehashed` is its new hash where the stored one has other parameters."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Hashes and verifies passwords, in `async with`; an application has one for its lifetime, see `open_passwords`."""

    def __init__(self, settings: Settings) -> None:
        # One lane: argon2 would start further threads, which `password_threads` does not limit.
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
        self._dummy_hash = ""

    async def __aenter__(self) -> Self:
        """Make the dummy hash, which is compared where no hash is stored."""
        self._dummy_hash = await self._run(functools.partial(self._hasher.hash, secrets.token_hex(32)))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Finish the running hashes, then end the threads."""
        await asyncio.to_thread(self._threads.shutdown)

    async def hash(self, password: SecretStr, *names: str) -> str:
        """Return the hash of a new password. The password must not be one of `names`, such as the user's e-mail.

        Raises:
            Problem: 422, the password is too short or easy to guess; 503, the queue is full.
        """
        text = _text(password)
        if len(text) < self._shortest:
            raise Problem(422, "password_too_short", f"A password needs at least {self._shortest} characters.")
        if text.casefold() in {*_common_passwords(), *(name.casefold() for name in names)}:
            raise Problem(422, "password_guessable", "This password is easy to guess. Choose another one.")
        return await self._run(functools.partial(self._hasher.hash, text))

    async def verify(self, password: SecretStr, hashed: str | None) -> Verdict:
        """Compare a password with the stored hash. Without one, compare with the dummy hash: same time, never correct.

        Raises:
            Problem: 503, the queue is full.
        """
        return await self._run(functools.partial(self._verify, _text(password), hashed))

    def _verify(self, text: str, hashed: str | None) -> Verdict:
        try:
            self._hasher.verify(hashed or self._dummy_hash, text)
        except argon2.exceptions.VerifyMismatchError:
            return Verdict(is_right=False)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            if not hashed:
                raise
            logger.error("A stored password is not an argon2 hash; its user cannot sign in.")  # noqa: TRY400
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
            # A cancelled request leaves the queue: a future that has not started is cancelled with it.
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1


@asynccontextmanager
async def open_passwords(app: FastAPI) -> AsyncIterator[None]:
    """Open the application's `Passwords`; passed to `service_app` as `resources`.

    Raises:
        ConfigurationError: `jwt_secret` is missing or too short, so no token could be issued.
    """
    settings: Settings = app.state.settings
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
def _common_passwords() -> frozenset[str]:
    words = importlib.resources.files(__package__).joinpath("common_passwords.txt").read_text(encoding="utf-8")
    return frozenset(words.split())
