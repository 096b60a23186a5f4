"""Who is speaking: the user of the session whose id is the bearer credential.

The user is read in the unit of work in which the route does its work, so that an ended session is refused at once. An
educator sees and changes the educator's own conversations; a coach also sees those of the organisation; an admin also
changes them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends
from sqlalchemy import ColumnElement, func, select, true

from plc_coach.models import Conversation, User, UserSession
from tenantry import ReadSession, TenantSession
from tenantry.tenancy.lookup import TenantMatch
from tenantry.web.credentials import found_by_bearer, void_credential
from tenantry.web.dependencies import read_session, tenant_session
from tenantry.web.problems import Problem

__all__ = ["Caller", "Reader", "Writer"]

_Match = Annotated[TenantMatch, found_by_bearer(UserSession, "id")]
_AnySession = TypeVar("_AnySession", TenantSession, ReadSession)


@dataclass(frozen=True, slots=True)
class Caller(Generic[_AnySession]):
    """A user in a unit of work of the user's organisation."""

    session: _AnySession
    user: User
    session_id: uuid.UUID

    @property
    def visible(self) -> ColumnElement[bool]:
        """The criterion of the conversations that the caller sees."""
        return Conversation.user_id == self.user.id if self.user.role == "educator" else true()

    async def find(self, conversation_id: uuid.UUID, *, to_change: bool = False) -> Conversation:
        """Return a conversation that the caller sees, locked where the caller is to change it.

        Raises:
            Problem: 404, there is none, and another organisation's is none; 403, the caller may only read it.
        """
        statement = select(Conversation).where(Conversation.id == conversation_id, self.visible)
        found: Conversation | None = await self.session.scalar(statement.with_for_update() if to_change else statement)
        if found is None:
            raise Problem(404, "conversation_not_found", "There is no such conversation here.")
        if to_change and found.user_id != self.user.id and self.user.role != "admin":
            raise Problem(403, "not_the_owner", "Only its user and administrators may change a conversation.")
        return found


async def _organization(match: _Match) -> uuid.UUID:
    organization: uuid.UUID = match.tenant
    return organization


async def _call(match: TenantMatch, session: _AnySession) -> Caller[_AnySession]:
    theirs = select(User).join(UserSession, UserSession.user_id == User.id)
    good = theirs.where(UserSession.id == match.key, UserSession.expires_at > func.now())
    user: User | None = await session.scalar(good)
    if user is None:
        raise void_credential()
    return Caller(session, user, match.key)


async def _read(match: _Match, session: Annotated[ReadSession, read_session(_organization)]) -> Caller[ReadSession]:
    return await _call(match, session)


async def _write(
    match: _Match, session: Annotated[TenantSession, tenant_session(_organization)]
) -> Caller[TenantSession]:
    return await _call(match, session)


Reader = Annotated[Caller[ReadSession], Depends(_read)]
Writer = Annotated[Caller[TenantSession], Depends(_write)]
