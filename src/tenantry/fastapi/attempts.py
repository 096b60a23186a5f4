"""Attempts at a secret, counted in the database: each one beyond a few free ones has to wait twice as long.

    key = await claim(database, SignInAttempt, "sign in", email)  # 429 while it is too soon
    # Compare the password here, with no connection held; if it is right, in the next unit of work:
    await forgive(session, SignInAttempt, key)

Invariants. An attempt is counted and committed before its secret is looked at, by one statement, so that a thousand at
once are no more guesses than one after another, and a restart forgets none. A subject that does not exist is counted
just like one that does: a 429 tells nothing. That is why the table is `Global`, for who does not exist has no tenant;
its keys are keyed digests, so that who reads the table learns no address.

The price is known: whoever knows an address can keep its owner waiting, for the longest wait at most each time. Tokens
that were issued before stay good meanwhile.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.attempt_record import AttemptRecord
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.sign_in_settings import SignInSettings, sign_in_settings
from tenantry.tenancy.database import Database

__all__ = ["claim", "forgive"]

# Longer than any wait. What is older is as if it had not been, and is removed a little at each claim.
FORGOTTEN_AFTER = timedelta(days=2)
REMOVED_AT_ONCE = 20
# Beyond this the doubled wait is past every limit; power() must not overflow.
MOST_DOUBLINGS = 40


async def claim(database: Database, model: type[AttemptRecord], purpose: str, subject: str) -> str:
    """Count an attempt at a subject's secret, in a unit of work of its own; return the key for `forgive`.

    Raises:
        Problem: 429 with Retry-After, it is too soon; nothing was counted.
    """
    settings = sign_in_settings(database.settings)
    key = _digest(settings, f"{purpose}\0{subject}")
    now = func.clock_timestamp()
    failures = case((model.last_at < now - FORGOTTEN_AFTER, 1), else_=model.failures + 1)
    counted = (
        insert(model)
        .values(key=key, failures=1, last_at=now, next_at=now + _wait(literal(1), settings))
        .on_conflict_do_update(
            index_elements=[model.key],
            set_={"failures": failures, "last_at": now, "next_at": now + _wait(failures, settings)},
            where=model.next_at <= now,
        )
        .returning(model.failures)
    )
    old = select(model.key).where(model.last_at < now - FORGOTTEN_AFTER).limit(REMOVED_AT_ONCE)
    async with database.session() as session:
        if await session.scalar(counted) is None:
            left = await session.scalar(select(func.extract("epoch", model.next_at - now)).where(model.key == key))
            raise _too_soon(left)
        await session.execute(delete(model).where(model.key.in_(old.with_for_update(skip_locked=True))))
    return key


async def forgive(session: AsyncSession, model: type[AttemptRecord], key: str) -> None:
    """Forget the attempts at a subject: somebody knew its secret."""
    await session.execute(delete(model).where(model.key == key))


def _digest(settings: SignInSettings, text: str) -> str:
    secret = b"" if settings.jwt_secret is None else settings.jwt_secret.get_secret_value().encode()
    return hmac.digest(secret, text.encode(), hashlib.sha256).hex()


def _too_soon(seconds: float | None) -> Problem:
    # None: the attempts were forgiven while we looked.
    after = str(max(1, math.ceil(seconds or 0)))
    sentence = "There were too many attempts. Wait before the next one."
    return Problem(429, "too_many_attempts", sentence, headers={"Retry-After": after})


def _wait(failures: ColumnElement[int], settings: SignInSettings) -> ColumnElement[Any]:
    """Return the interval to wait after so many attempts, in SQL."""
    free = settings.sign_in_free_attempts
    doubled = settings.sign_in_first_wait * func.power(2.0, func.least(failures - free, MOST_DOUBLINGS))
    seconds = case((failures < free, 0.0), else_=func.least(settings.sign_in_longest_wait, doubled))
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
