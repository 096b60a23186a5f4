from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from tenantry.fastapi.bearer_token import BearerToken
from tenantry.fastapi.sign_in_settings import SignInSettings
from tenantry.fastapi.tokens import InvalidToken, Principal, token_verifier

SECRET = "s" * 32
SETTINGS = SignInSettings(jwt_secret=SecretStr(SECRET), token_lifetime=120)


async def test_a_token_says_what_its_answer_says() -> None:
    made = BearerToken.issue(SETTINGS, 7, 9, ["member", "admin"])
    assert (made.token_type, made.expires_in, made.scope) == ("Bearer", 120, "admin member")
    found = await token_verifier(SETTINGS).verify(made.access_token)
    assert found == Principal("7", "9", frozenset({"admin", "member"}))


async def test_a_token_tells_moments_of_one_second_apart() -> None:
    before = datetime.now(UTC)
    made = BearerToken.issue(SETTINGS, 7, 9, [])
    after = datetime.now(UTC)
    issued_at = (await token_verifier(SETTINGS).verify(made.access_token)).issued_at
    assert issued_at is not None
    assert before - timedelta(microseconds=1) <= issued_at <= after + timedelta(microseconds=1)


async def test_a_token_may_be_dated_from_before() -> None:
    moment = datetime(2026, 1, 1, 12, 30, 15, 250000, tzinfo=UTC)
    made = BearerToken.issue(SETTINGS, 7, 9, [], moment)
    assert (await token_verifier(SETTINGS).verify(made.access_token)).issued_at == moment


@pytest.mark.parametrize("moment", ["now", [], "1", 1e300, float("nan")])
async def test_a_moment_that_is_none_is_refused(moment: Any) -> None:
    claims = {"sub": "7", "exp": time.time() + 60, "iat": moment}
    with pytest.raises(InvalidToken):
        await token_verifier(SETTINGS).verify(jwt.encode(claims, SECRET, "HS256"))


async def test_a_token_need_not_say_when_it_was_issued() -> None:
    token = jwt.encode({"sub": "7", "exp": time.time() + 60}, SECRET, "HS256")
    assert (await token_verifier(SETTINGS).verify(token)).issued_at is None
