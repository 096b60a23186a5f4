"""Which user a token speaks for: the one it names, unless the password was changed since it was issued."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated

from sqlalchemy import exists, select

from accounts.models import PasswordChange, User
from tenantry import ReadSession, TenantSession
from tenantry.fastapi.speaker import Speaker, speaker
from tenantry.fastapi.tokens import Principal

__all__ = ["CurrentSpeaker"]

# For a token that does not say when it was issued.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


async def _find_user(session: TenantSession | ReadSession, principal: Principal) -> User | None:
    issued_at = principal.issued_at or _LONG_AGO
    changed = exists().where(PasswordChange.user_id == User.id, PasswordChange.changed_at > issued_at)
    user: User | None = await session.scalar(select(User).where(User.id == uuid.UUID(principal.subject), ~changed))
    return user


CurrentSpeaker = Annotated[Speaker[User], speaker(_find_user)]
