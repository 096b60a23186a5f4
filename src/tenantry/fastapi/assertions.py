"""Assertions of a trusted identity service: who somebody is, signed, good for minutes and for one use.

    @router.post("/identity")
    async def sign_in(assertion: CurrentAssertion, database: CurrentDatabase) -> ...:
        async with database.tenant(assertion.tenant) as session:
            await use_once(session, UsedAssertion, assertion)

Invariant: an assertion does its work once. Its id is written down in the transaction that does the work, and kept until
the assertion has expired; how long that may take is bounded, so that what is kept is too. Signature, audience and
expiry are those of every token.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import Body, Depends, Request
from pydantic import AliasChoices, BaseModel, Field, StringConstraints, ValidationError
from sqlalchemy import delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry.fastapi.assertion_record import LONGEST_ID, AssertionRecord
from tenantry.fastapi.fields import Email, Title
from tenantry.fastapi.key_set import KeySetUnavailable
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.tokens import TENANT_CLAIM, InvalidToken, TokenSettings, issue_token

__all__ = ["Assertion", "AssertionSettings", "CurrentAssertion", "issue_assertion", "use_once"]

LONGEST_ASSERTION = 8192
# The database's clock and ours may differ by so much.
SKEW = timedelta(minutes=5)

_Word = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[\x21-\x7e]+$")]


class AssertionSettings(TokenSettings):
    """How assertions are verified; a service's settings inherit this."""

    assertion_lifetime: int = Field(
        default=300, ge=1, le=3600, description="Seconds that an assertion may still be good for when it is used."
    )


class Assertion(BaseModel):
    """What the claims say; without a tenant, the e-mail address has to lead to it."""

    provider: Annotated[_Word, Field(max_length=50)]
    sub: _Word
    jti: _Word
    email: Email
    name: Title
    tenant: str | None = Field(default=None, validation_alias=AliasChoices("organization_id", TENANT_CLAIM))
    role: _Word | None = None
    exp: float


async def _read(
    request: Request,
    assertion: Annotated[
        str, Body(embed=True, min_length=1, max_length=LONGEST_ASSERTION, description="A signed JWT, used once.")
    ],
) -> Assertion:
    settings: Any = request.app.state.settings
    try:
        found = Assertion.model_validate(await request.app.state.tokens.claims(assertion))
    except KeySetUnavailable as error:
        raise Problem(503, "identity_unavailable", str(error), headers={"Retry-After": "30"}) from error
    except InvalidToken as error:
        raise Problem(401, "assertion_invalid", str(error)) from error
    except ValidationError as error:
        raise Problem(401, "assertion_invalid", "The assertion lacks a claim, or has a wrong one.") from error
    if found.exp - time.time() > settings.assertion_lifetime:
        raise Problem(401, "assertion_invalid", "The assertion is good for too long.")
    return found


# What a route takes: the assertion in the body, verified.
CurrentAssertion = Annotated[Assertion, Depends(_read)]


async def use_once(session: AsyncSession, record: type[AssertionRecord], assertion: Assertion) -> None:
    """Write down that an assertion is used, and forget those that have expired.

    Raises:
        Problem: 409, it was used before.
    """
    await session.execute(delete(record).where(record.expires_at <= func.now()))
    until = datetime.fromtimestamp(assertion.exp, UTC) + SKEW
    statement = insert(record).values(id=assertion.jti, expires_at=until).on_conflict_do_nothing()
    if await session.scalar(statement.returning(record.id)) is None:
        raise Problem(409, "assertion_replayed", "This assertion was used before.")


def issue_assertion(
    settings: AssertionSettings, subject: str, tenant: object, *, email: str, name: str, provider: str = "demo"
) -> str:
    """Return an assertion that these settings accept for a minute: for demonstrations and tests.

    Raises:
        ConfigurationError: the settings hold no shared secret; assertions come from an identity service then.
    """
    said = {"provider": provider, "jti": uuid.uuid4().hex, "email": email, "name": name}
    return issue_token(settings, subject, str(tenant), lifetime=timedelta(minutes=1), further=said)
