"""Signing up, signing in, and what concerns oneself. No token may be stored on its way (RFC 6749, 5.1)."""

from __future__ import annotations

import uuid

from fastapi import APIRouter
from sqlalchemy import select

from accounts import credentials, schemas
from accounts.models import ADMIN, Tenant, User
from accounts.speaker import CurrentSpeaker
from tenantry.fastapi.bearer_token import BearerToken
from tenantry.fastapi.caching import NO_STORE
from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.passwords import CurrentPasswords
from tenantry.fastapi.problems import problem_responses
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.rows import add

__all__ = ["router"]

router = APIRouter(tags=["access"])


@router.post("/sign-up", status_code=201, summary="Sign up a tenant", responses=problem_responses(409, 503))
async def sign_up(database: CurrentDatabase, passwords: CurrentPasswords, body: schemas.SignUp) -> schemas.Account:
    """Create a tenant with its first administrator.

    That a tenant's name or an e-mail is taken is told (409), because a person could not go on otherwise. A prober
    learns as much a guess, at the price of a hash each, and with a new tenant for each wrong one.
    """
    hashed = await passwords.hash(body.password, body.username, body.email)
    # The id is made here, so that the rows are written as the tenant that they make: no role steps over row security.
    tenant = Tenant(id=uuid.uuid4(), name=body.tenant)
    user = User(username=body.username, email=body.email, hashed_password=hashed, roles=[ADMIN])
    async with database.tenant(tenant.id) as session:
        for row in (tenant, user):
            await add(session, row)
    note_tenant(tenant.id)
    return schemas.Account.model_validate({"user": user, "tenant": tenant})


@router.post("/sign-in", summary="Sign in", responses=problem_responses(401, 429, 503), dependencies=[NO_STORE])
async def sign_in(database: CurrentDatabase, passwords: CurrentPasswords, body: schemas.SignIn) -> BearerToken:
    """Return a bearer token. An unknown e-mail and a wrong password have one answer, after the same time.

    After a few attempts a wait is asked for (429 with Retry-After) that doubles with each further one, whether or not
    somebody has that e-mail.
    """
    return await credentials.sign_in(database, passwords, body)


@router.get("/me", summary="Read who I am")
async def read_me(speaker: CurrentSpeaker) -> schemas.Account:
    """Return the token's user and tenant, as they are now."""
    async with speaker.reading() as (session, user):
        tenant = await session.scalar(select(Tenant))
    return schemas.Account.model_validate({"user": user, "tenant": tenant})


@router.put(
    "/me/password",
    summary="Change my password",
    responses=problem_responses(409, 429, 503),
    dependencies=[NO_STORE],
)
async def replace_password(
    speaker: CurrentSpeaker, passwords: CurrentPasswords, body: schemas.PasswordReplacement
) -> BearerToken:
    """Replace the password, and return a new token: all tokens from before are void from then on."""
    return await credentials.replace_password(speaker, passwords, body)
