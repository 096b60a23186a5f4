"""Assertions of a trusted identity service, and the users that they name.

An assertion is a signed JWT that names a user. It is valid for minutes and for one use.

Invariants. An assertion works once: its id is inserted in the transaction that begins the session, and kept until the
assertion has expired. Its remaining lifetime is limited, so the table stays small. Signature, audience and expiry are
verified as for every token. An identity is one user in one organisation: the unique indexes refuse an e-mail address
that belongs to another identity or to a user of another organisation. A user that was inserted by hand gets an identity
at the first sign-in, and keeps it.
"""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Body, Depends, Request
from pydantic import AliasChoices, BaseModel, Field, StringConstraints, ValidationError
from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from plc_coach.models import ASSERTION_ID_LENGTH, IdentityAssertion, User
from plc_coach.settings import Settings
from tenantry import Database, TenantSession
from tenantry.fastapi import InvalidToken, KeySetUnavailable, Problem, fields, issue_token, rows

__all__ = ["Assertion", "CurrentAssertion", "find_or_create_user", "find_organization", "issue_assertion", "use_once"]

LONGEST_ASSERTION = 8192
# Tolerated difference between the clock of the database and the clock of this process.
SKEW = timedelta(minutes=5)

_Word = Annotated[str, StringConstraints(min_length=1, max_length=ASSERTION_ID_LENGTH, pattern=r"^[\x21-\x7e]+$")]


class Assertion(BaseModel):
    """The claims of an assertion. Without an organisation, the e-mail address must belong to a known user."""

    provider: Annotated[_Word, Field(max_length=50)]
    sub: _Word
    jti: _Word
    email: fields.Email
    name: fields.Title
    organization: str | None = Field(default=None, validation_alias=AliasChoices("organization_id", "tenant_id"))
    role: _Word | None = None
    exp: float


async def _read(
    request: Request,
    assertion: Annotated[
        str, Body(embed=True, min_length=1, max_length=LONGEST_ASSERTION, description="A signed JWT; it works once.")
    ],
) -> Assertion:
    settings: Settings = request.app.state.settings
    try:
        found = Assertion.model_validate(await request.app.state.tokens.claims(assertion))
    except KeySetUnavailable as error:
        raise Problem(503, "identity_unavailable", str(error), headers={"Retry-After": "30"}) from error
    except InvalidToken as error:
        raise Problem(401, "assertion_invalid", str(error)) from error
    except ValidationError as error:
        raise Problem(401, "assertion_invalid", "A claim of the assertion is missing or wrong.") from error
    if found.exp - time.time() > settings.assertion_lifetime:
        raise Problem(401, "assertion_invalid", "The assertion is valid for too long.")
    return found


# For a route's parameter: the verified assertion of the request's body.
CurrentAssertion = Annotated[Assertion, Depends(_read)]


async def use_once(session: TenantSession, assertion: Assertion) -> None:
    """Insert the assertion as used, and delete the expired ones.

    Raises:
        Problem: 409, the assertion was used before.
    """
    await session.execute(delete(IdentityAssertion).where(IdentityAssertion.expires_at <= func.now()))
    until = datetime.fromtimestamp(assertion.exp, UTC) + SKEW
    statement = insert(IdentityAssertion).values(id=assertion.jti, expires_at=until).on_conflict_do_nothing()
    if await session.scalar(statement.returning(IdentityAssertion.id)) is None:
        raise Problem(409, "assertion_replayed", "This assertion was used before.")


async def find_organization(database: Database, assertion: Assertion) -> object:
    """Return the organisation that the assertion names, or that of the user with its e-mail address.

    Raises:
        Problem: 422, the assertion names no organisation, and no user has this address.
    """
    if assertion.organization is not None:
        return assertion.organization
    match = await database.find_tenant(User, email=assertion.email)
    if match is None:
        raise Problem(422, "organization_required", "The first assertion of a user must name the organisation.")
    return match.tenant


async def find_or_create_user(session: TenantSession, assertion: Assertion) -> User:
    """Return the assertion's user, updated from the claims, in the organisation of the unit of work."""
    identity = {"sso_provider": assertion.provider, "sso_id": assertion.sub}
    known = {"email": assertion.email, "name": assertion.name, "last_login": func.now()}
    known |= {"role": assertion.role} if assertion.role else {}
    without_identity = update(User).where(User.email == assertion.email, User.sso_id.is_(None)).values(**identity)
    await session.execute(without_identity, execution_options={"synchronize_session": False})
    return await rows.put(session, User, ["organization_id", *identity], identity, known)


def issue_assertion(settings: Settings, subject: str, organization: uuid.UUID, *, email: str, name: str) -> str:
    """Return an assertion that these settings accept for a minute: for demonstrations and tests.

    Raises:
        ConfigurationError: `jwt_secret` is not set; then an identity service issues the assertions.
    """
    claims = {"provider": "demo", "jti": uuid.uuid4().hex, "email": email, "name": name}
    return issue_token(settings, subject, str(organization), lifetime=timedelta(minutes=1), further=claims)
