"""Signs users in and changes their passwords.

Invariant: a failed sign-in does not tell whether the e-mail address exists. For an unknown address the same statements
run, a dummy hash of the same cost is compared, and the attempt is counted too (`throttling`).
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from accounts import schemas, throttling
from accounts.models import PasswordChange, User
from accounts.passwords import Passwords
from accounts.settings import settings_of
from accounts.speaker import Speaker
from accounts.tokens import BearerToken
from tenantry import Database, TenantSession
from tenantry.fastapi import Problem, note_tenant, rows

__all__ = ["note_password_change", "replace_password", "sign_in"]


async def sign_in(database: Database, passwords: Passwords, body: schemas.SignIn) -> BearerToken:
    """Return a token for the user with this address and password.

    Raises:
        Problem: 401, the address or the password is wrong; 429, too many attempts; 503, the queue of passwords is full.
    """
    key = await throttling.count_attempt(database, "sign in", body.email)
    # The token's time is before the hash is read: a password change in between makes the token invalid.
    began = datetime.now(UTC)
    # Random ids for an unknown address: the same statements run and find no row.
    tenant, user_id = await database.find_tenant(User, email=body.email) or (uuid.uuid4(), uuid.uuid4())
    async with database.tenant(tenant, read_only=True) as session:
        statement = select(User).where(User.id == user_id).options(undefer(User.hashed_password))
        user: User | None = await session.scalar(statement)
    verdict = await passwords.verify(body.password, None if user is None else user.hashed_password)
    if user is None or not verdict.is_right:
        raise Problem(401, "credentials_invalid", "The e-mail or the password is wrong.")
    note_tenant(tenant)
    async with database.tenant(tenant) as writing:
        await throttling.reset(writing, key)
        if verdict.rehashed is not None:
            await _store(writing, user, verdict.rehashed)
    return BearerToken.issue(settings_of(database), user, began)


async def replace_password(speaker: Speaker, passwords: Passwords, body: schemas.PasswordReplacement) -> BearerToken:
    """Store the speaker's new password, and return a new token; all older tokens become invalid.

    Raises:
        Problem: 403, the current password is wrong; 409, another request changed it; 429, too many attempts.
    """
    async with speaker.reading() as (session, user):
        await session.refresh(user, ["hashed_password"])
    key = await throttling.count_attempt(speaker.database, "change the password", str(user.id))
    if not (await passwords.verify(body.current_password, user.hashed_password)).is_right:
        # 403 and not 401: a client would take 401 for an invalid token.
        raise Problem(403, "password_wrong", "The current password is wrong.")
    hashed = await passwords.hash(body.new_password, user.username, user.email)
    async with speaker.writing() as (writing, _):
        if not await _store(writing, user, hashed):
            raise Problem(409, "password_changed", "Another request changed the password in the meantime.")
        await note_password_change(writing, user.id)
        await throttling.reset(writing, key)
    return BearerToken.issue(settings_of(speaker.database), user, datetime.now(UTC))


async def note_password_change(session: TenantSession, user_id: uuid.UUID) -> None:
    """Make the user's existing tokens invalid."""
    # The clock of this process and not the database's, because the tokens carry the time of this clock.
    changed = {"changed_at": datetime.now(UTC)}
    await rows.put(session, PasswordChange, ["tenant_id", "user_id"], {"user_id": user_id}, changed)


async def _store(session: TenantSession, user: User, hashed: str) -> bool:
    """Replace the hash that was compared, and only this one: of two requests at once the first one succeeds."""
    same = (User.id == user.id, User.hashed_password == user.hashed_password)
    statement = update(User).where(*same).values(hashed_password=hashed).returning(User.id)
    return await session.scalar(statement) is not None
