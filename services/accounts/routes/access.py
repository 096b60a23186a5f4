"""Signing up, signing in, and the own account. Responses with a token are not cached (RFC 6749, 5.1)."""

from __future__ import annotations

import uuid

from fastapi import APIRouter
from sqlalchemy import select

from accounts import credentials, schemas
from accounts.models import ADMIN, Tenant, User
from accounts.passwords import CurrentPasswords
from accounts.speaker import CurrentSpeaker
from accounts.tokens import BearerToken
from tenantry.fastapi import NO_STORE, CurrentDatabase, note_tenant, problem_responses, rows

__all__ = ["router"]

router = APIRouter(tags=["access"])


@router.post("/sign-up", status_code=201, summary="Sign up a tenant", responses=problem_responses(409, 503))
async def sign_up(database: CurrentDatabase, passwords: CurrentPasswords, body: schemas.SignUp) -> schemas.Account:
    """Create a tenant with its first administrator.

    The answer tells that a tenant's name or an e-mail is taken (409), because a person needs to know it. So each guess
    tells an attacker whether an e-mail exists; it costs one hash, and each wrong guess leaves a new tenant.
    """
    hashed = await passwords.hash(body.password, body.username, body.email)
    # The id is generated here, so that the rows are written as their own tenant and row security stays in force.
    tenant = Tenant(id=uuid.uuid4(), name=body.tenant)
    user = User(username=body.username, email=body.email, hashed_password=hashed, roles=[ADMIN])
    async with database.tenant(tenant.id) as session:
        for row in (tenant, user):
            await rows.add(session, row)
    note_tenant(tenant.id)
    return schemas.Account.model_validate({"user": user, "tenant": tenant})


@router.post("/sign-in", summary="Sign in", responses=problem_responses(401, 429, 503), dependencies=[NO_STORE])
async def sign_in(database: CurrentDatabase, passwords: CurrentPasswords, body: schemas.SignIn) -> BearerToken:
    """Return a bearer token. An unknown e-mail and a wrong password get the same answer in the same time.

    After a few attempts, further ones must wait (429 with Retry-After). Each attempt doubles the wait, for an unknown
    e-mail too.
    """
    return await credentials.sign_in(database, passwords, body)


@router.get("/me", summary="Read my account")
async def read_me(speaker: CurrentSpeaker) -> schemas.Account:
    """Return the current data of the token's user and tenant."""
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
    """Replace the password, and return a new token. All older tokens become invalid."""
    return await credentials.replace_password(speaker, passwords, body)
