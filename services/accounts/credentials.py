"""Signing in and changing passwords: what is counted, compared and written, in which order.

Invariant: a stranger learns only that an address and a password fit together. For an address that nobody has the same
statements are sent and a hash of the same cost is compared; attempts at it are counted too.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from accounts import schemas
from accounts.models import PasswordChange, SignInAttempt, User
from tenantry import Database, TenantSession
from tenantry.fastapi.attempts import claim, forgive
from tenantry.fastapi.bearer_token import BearerToken
from tenantry.fastapi.passwords import Passwords
from tenantry.fastapi.problems import Problem
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.rows import put
from tenantry.fastapi.sign_in_settings import sign_in_settings
from tenantry.fastapi.speaker import Speaker

__all__ = ["note_password_change", "replace_password", "sign_in"]


async def sign_in(database: Database, passwords: Passwords, body: schemas.SignIn) -> BearerToken:
    """Return a token for the user whose address and password these are.

    Raises:
        Problem: 401, they do not fit; 429, too many attempts; 503, too many passwords wait to be compared.
    """
    key = await claim(database, SignInAttempt, "sign in", body.email)
    # The token is dated from before the hash was read: a password that is changed meanwhile makes it void.
    began = datetime.now(UTC)
    # Nobody's tenant and nobody's id for an address that nobody has: the same statements find nothing.
    tenant, user_id = await database.find_tenant(User, email=body.email) or (uuid.uuid4(), uuid.uuid4())
    async with database.tenant(tenant, read_only=True) as session:
        statement = select(User).where(User.id == user_id).options(undefer(User.hashed_password))
        user: User | None = await session.scalar(statement)
    verdict = await passwords.verify(body.password, None if user is None else user.hashed_password)
    if user is None or not verdict.is_right:
        raise Problem(401, "credentials_invalid", "The e-mail or the password is wrong.")
    note_tenant(tenant)
    async with database.tenant(tenant) as writing:
        await forgive(writing, SignInAttempt, key)
        if verdict.rehashed is not None:
            await _store(writing, user, verdict.rehashed)
    return _make_token(database, user, began)


async def replace_password(
    speaker: Speaker[User], passwords: Passwords, body: schemas.PasswordReplacement
) -> BearerToken:
    """Give the speaker a new password, and a token that is good with it: those from before are void.

    Raises:
        Problem: 403, the old password is wrong; 409, it was changed meanwhile; 429, too many attempts.
    """
    async with speaker.reading() as (session, user):
        await session.refresh(user, ["hashed_password"])
    key = await claim(speaker.database, SignInAttempt, "change the password", str(user.id))
    if not (await passwords.verify(body.current_password, user.hashed_password)).is_right:
        # Not 401, which would tell a client that its token is at fault.
        raise Problem(403, "password_wrong", "The current password is wrong.")
    hashed = await passwords.hash(body.new_password, user.username, user.email)
    async with speaker.writing() as (writing, _):
        if not await _store(writing, user, hashed):
            raise Problem(409, "password_changed", "The password was changed by another request meanwhile.")
        await note_password_change(writing, user.id)
        await forgive(writing, SignInAttempt, key)
    return _make_token(speaker.database, user, datetime.now(UTC))


async def note_password_change(session: TenantSession, user_id: uuid.UUID) -> None:
    """Make the user's tokens from before void."""
    # Our clock and not the database's, because it is ours that stands in the tokens.
    changed = {"changed_at": datetime.now(UTC)}
    await put(session, PasswordChange, ["tenant_id", "user_id"], {"user_id": user_id}, changed)


async def _store(session: TenantSession, user: User, hashed: str) -> bool:
    """Replace the hash that was compared, and no other one: of two requests that replace it the first one wins."""
    same = (User.id == user.id, User.hashed_password == user.hashed_password)
    statement = update(User).where(*same).values(hashed_password=hashed).returning(User.id)
    return await session.scalar(statement) is not None


def _make_token(database: Database, user: User, issued_at: datetime) -> BearerToken:
    return BearerToken.issue(sign_in_settings(database.settings), user.id, user.tenant_id, user.roles, issued_at)
