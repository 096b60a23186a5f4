"""Counts attempts at passwords in the database. After a few free attempts, each further attempt doubles the wait.

    key = await throttling.count_attempt(database, "sign in", email)  # 429 until the wait is over
    # Compare the password here, without a database connection. If it is correct, in the next unit of work:
    await throttling.reset(session, key)

Invariants. One statement counts an attempt, and it is committed before the password is compared: a thousand attempts at
once count as much as a thousand in sequence, and a restart keeps the count. Attempts at an unknown e-mail address are
counted in the same way, so a 429 does not tell whether the address exists. The table is `Global` for this reason: an
unknown address has no tenant. The table's keys are HMACs, so a reader of the table learns no address.

Known cost: anyone who knows an address can make its owner wait, each time for `sign_in_longest_wait` at most. The
owner's existing tokens stay valid.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, delete, func, literal, select
from sqlalchemy.dialects.postgresql import insert

from accounts.models import SignInAttempt
from accounts.settings import Settings, settings_of
from tenantry import Database, TenantSession
from tenantry.fastapi import Problem

__all__ = ["count_attempt", "reset"]

# Longer than the maximum wait. Older rows no longer count, and each attempt removes a few of them.
FORGOTTEN_AFTER = timedelta(days=2)
REMOVED_AT_ONCE = 20
# More doublings exceed every maximum wait, and power() would overflow.
MOST_DOUBLINGS = 40


async def count_attempt(database: Database, purpose: str, subject: str) -> str:
    """Count an attempt at a subject's password, in its own unit of work, and return the key for `reset`.

    Raises:
        Problem: 429 with Retry-After; the wait is not over, and the attempt is not counted.
    """
    settings = settings_of(database)
    key = _digest(settings, f"{purpose}\0{subject}")
    now = func.clock_timestamp()
    failures = case((SignInAttempt.last_at < now - FORGOTTEN_AFTER, 1), else_=SignInAttempt.failures + 1)
    counted = (
        insert(SignInAttempt)
        .values(key=key, failures=1, last_at=now, next_at=now + _wait(literal(1), settings))
        .on_conflict_do_update(
            index_elements=[SignInAttempt.key],
            set_={"failures": failures, "last_at": now, "next_at": now + _wait(failures, settings)},
            where=SignInAttempt.next_at <= now,
        )
        .returning(SignInAttempt.failures)
    )
    old = select(SignInAttempt.key).where(SignInAttempt.last_at < now - FORGOTTEN_AFTER).limit(REMOVED_AT_ONCE)
    async with database.session() as session:
        if await session.scalar(counted) is None:
            seconds = func.extract("epoch", SignInAttempt.next_at - now)
            raise _too_soon(await session.scalar(select(seconds).where(SignInAttempt.key == key)))
        await session.execute(delete(SignInAttempt).where(SignInAttempt.key.in_(old.with_for_update(skip_locked=True))))
    return key


async def reset(session: TenantSession, key: str) -> None:
    """Remove the count of a subject whose password was correct."""
    await session.execute(delete(SignInAttempt).where(SignInAttempt.key == key))


def _digest(settings: Settings, text: str) -> str:
    secret = b"" if settings.jwt_secret is None else settings.jwt_secret.get_secret_value().encode()
    return hmac.digest(secret, text.encode(), hashlib.sha256).hex()


def _too_soon(seconds: float | None) -> Problem:
    # None: another request reset the count between the two statements.
    after = str(max(1, math.ceil(seconds or 0)))
    sentence = "There were too many attempts. Wait before the next one."
    return Problem(429, "too_many_attempts", sentence, headers={"Retry-After": after})


def _wait(failures: ColumnElement[int], settings: Settings) -> ColumnElement[Any]:
    """Return the SQL of the wait after this number of attempts, as an interval."""
    free = settings.sign_in_free_attempts
    doubled = settings.sign_in_first_wait * func.power(2.0, func.least(failures - free, MOST_DOUBLINGS))
    seconds = case((failures < free, 0.0), else_=func.least(settings.sign_in_longest_wait, doubled))
    return func.make_interval(0, 0, 0, 0, 0, 0, seconds)
