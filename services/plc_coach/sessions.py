"""Sessions in a table: begin, refresh and end, all by the clock of the database.

Invariant: an ended or expired session is invalid at once, because every request looks it up. A session ends after
`session_longest`, however often it is refreshed.
"""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert

from plc_coach.models import UserSession
from plc_coach.settings import Settings
from tenantry import TenantSession

__all__ = ["begin", "end", "refresh"]


async def begin(session: TenantSession, user_id: uuid.UUID, settings: Settings) -> UserSession:
    """Insert a session of the user, and delete the organisation's expired sessions."""
    await session.execute(delete(UserSession).where(UserSession.expires_at <= func.now()))
    until = func.now() + timedelta(seconds=settings.session_lifetime)
    statement = insert(UserSession).values(user_id=user_id, expires_at=until).returning(UserSession)
    return (await session.scalars(statement)).one()


async def refresh(session: TenantSession, session_id: uuid.UUID, settings: Settings) -> UserSession | None:
    """Extend a session to its full lifetime from now, within its maximum age.

    Return None when another request has ended the session in the meantime.
    """
    longest = UserSession.created_at + timedelta(seconds=settings.session_longest)
    until = func.least(func.now() + timedelta(seconds=settings.session_lifetime), longest)
    statement = update(UserSession).where(UserSession.id == session_id)
    changed = statement.values(expires_at=until, last_accessed_at=func.now()).returning(UserSession)
    return (await session.scalars(changed)).one_or_none()


async def end(session: TenantSession, session_id: uuid.UUID) -> None:
    """Delete a session; its id is invalid from then on."""
    await session.execute(delete(UserSession).where(UserSession.id == session_id))
