from __future__ import annotations

import uuid
from datetime import UTC, datetime

from pydantic import SecretStr

from accounts.models import User
from accounts.settings import Settings
from accounts.tokens import BearerToken
from tenantry.fastapi import Principal, token_verifier

SETTINGS = Settings(jwt_secret=SecretStr("s" * 32), token_lifetime=120)
USER = User(id=uuid.UUID(int=7), tenant_id=uuid.UUID(int=9), roles=["member", "admin"])


async def test_a_token_says_what_its_answer_says() -> None:
    made = BearerToken.issue(SETTINGS, USER, datetime.now(UTC))
    assert (made.token_type, made.expires_in, made.scope) == ("Bearer", 120, "admin member")
    found = await token_verifier(SETTINGS).verify(made.access_token)
    assert found == Principal(str(USER.id), str(USER.tenant_id), frozenset({"admin", "member"}))


async def test_a_token_may_be_dated_from_before() -> None:
    """To the microsecond: two moments of one second stay apart."""
    moment = datetime(2026, 1, 1, 12, 30, 15, 250001, tzinfo=UTC)
    made = BearerToken.issue(SETTINGS, USER, moment)
    assert (await token_verifier(SETTINGS).verify(made.access_token)).issued_at == moment
