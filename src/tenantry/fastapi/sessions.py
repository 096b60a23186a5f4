"""Sessions that stand in a table: begun, let go on, ended, each by the clock of the database alone.

    begun = await sessions.begin(work, UserSession, user.id, settings)
    return schemas.Session.model_validate(...)       # its id is the bearer credential; `session_caller` reads it

Invariant: a session that was ended or has expired is nobody's from that moment on, because it is looked up in every
request; and however often it is refreshed, it ends.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TypeVar

from pydantic import BaseModel, Field
from sqlalchemy import delete, func, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from tenantry import errors
from tenantry.fastapi.session_record import SessionRecord
from tenantry.settings import DatabaseSettings

__all__ = ["SessionSettings", "begin", "end", "refresh", "session_settings"]

Record = TypeVar("Record", bound=SessionRecord)


class SessionSettings(BaseModel):
    """How long sessions are good; a service's settings inherit this."""

    session_lifetime: int = Field(
        default=28800, ge=60, le=2592000, description="Seconds that a session is good after it began or was refreshed."
    )
    session_longest: int = Field(
        default=604800, ge=60, le=31536000, description="Seconds after its beginning that no refresh goes beyond."
    )


def session_settings(settings: DatabaseSettings) -> SessionSettings:
    """Return a service's settings as those of one that has sessions.

    Raises:
        ConfigurationError: its class does not inherit them.
    """
    if not isinstance(settings, SessionSettings):
        raise errors.ConfigurationError(f"{type(settings).__name__} does not inherit SessionSettings.")
    return settings


async def begin(work: AsyncSession, model: type[Record], user_id: uuid.UUID, settings: SessionSettings) -> Record:
    """Write a new session of a user, and forget the tenant's that have expired."""
    await work.execute(delete(model).where(model.expires_at <= func.now()))
    until = func.now() + timedelta(seconds=settings.session_lifetime)
    begun = insert(model).values(user_id=user_id, expires_at=until).returning(model)
    return (await work.scalars(begun)).one()


async def refresh(
    work: AsyncSession, model: type[Record], session_id: uuid.UUID, settings: SessionSettings
) -> Record | None:
    """Let a session be good for its whole lifetime again, but no longer than a session may be.

    None means that another request has ended it meanwhile.
    """
    longest = model.created_at + timedelta(seconds=settings.session_longest)
    until = func.least(func.now() + timedelta(seconds=settings.session_lifetime), longest)
    statement = update(model).where(model.id == session_id).values(expires_at=until, last_accessed_at=func.now())
    return (await work.scalars(statement.returning(model))).one_or_none()


async def end(work: AsyncSession, model: type[Record], session_id: uuid.UUID) -> None:
    """End a session: its id is nobody's from now on."""
    await work.execute(delete(model).where(model.id == session_id))
