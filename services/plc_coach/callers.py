"""The caller of a request: the user of the session whose id is the bearer credential.

A lookup that the model declares leads from the id of the session to its organisation, and to no other data. The user is
read in the unit of work of the route, so an ended session or a changed role has an effect at once.

An educator reads and changes the educator's own conversations. A coach also reads those of the organisation. An admin
also changes them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials
from sqlalchemy import ColumnElement, func, select, true

from plc_coach.models import Conversation, User, UserSession
from tenantry import ReadSession, TenantMatch, TenantSession
from tenantry.fastapi import BearerScheme, CurrentDatabase, Problem, read_session, rows, tenant_session

__all__ = ["Caller", "Reader", "Writer", "invalid_credential"]

AnySession = TypeVar("AnySession", TenantSession, ReadSession)

_bearer = BearerScheme(bearer_format="opaque", description="The id of a session.")
_Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


@dataclass(frozen=True, slots=True)
class Caller(Generic[AnySession]):
    """A user in a unit of work of the user's organisation."""

    session: AnySession
    user: User
    session_id: uuid.UUID

    @property
    def visible(self) -> ColumnElement[bool]:
        """The condition for the conversations that the caller may read."""
        return Conversation.user_id == self.user.id if self.user.role == "educator" else true()

    async def find(self, conversation_id: uuid.UUID, *, to_change: bool = False) -> Conversation:
        """Return a conversation that the caller may read; with `to_change`, lock its row.

        Raises:
            Problem: 404, it does not exist or belongs to another organisation; 403, the caller may only read it.
        """
        statement = select(Conversation).where(Conversation.id == conversation_id, self.visible)
        found = await rows.find(self.session, statement.with_for_update() if to_change else statement, "conversation")
        if to_change and found.user_id != self.user.id and self.user.role != "admin":
            raise Problem(403, "not_the_owner", "Only its user and administrators may change a conversation.")
        return found


def invalid_credential() -> Problem:
    """Return the problem of a missing, unknown, ended or expired credential: the same answer for all of them."""
    detail = "The credential is missing, unknown, ended or expired."
    return Problem(401, "credential_invalid", detail, headers={"WWW-Authenticate": "Bearer"})


async def _find_session(database: CurrentDatabase, credentials: _Credentials) -> TenantMatch:
    try:
        session_id = uuid.UUID(credentials.credentials if credentials else "")
    except ValueError as error:
        raise invalid_credential() from error
    match = await database.find_tenant(UserSession, id=session_id)
    if match is None:
        raise invalid_credential()
    return match


_Match = Annotated[TenantMatch, Depends(_find_session)]


async def _organization(match: _Match) -> object:
    return match.tenant


async def _identify(session: AnySession, match: TenantMatch) -> Caller[AnySession]:
    # The expiry is compared again: another request may have ended the session since the lookup.
    valid = (UserSession.id == match.key, UserSession.expires_at > func.now())
    statement = select(User).join(UserSession, UserSession.user_id == User.id).where(*valid)
    user: User | None = await session.scalar(statement)
    if user is None:
        raise invalid_credential()
    return Caller(session, user, match.key)


async def _reader(match: _Match, session: Annotated[ReadSession, read_session(_organization)]) -> Caller[ReadSession]:
    return await _identify(session, match)


async def _writer(
    match: _Match, session: Annotated[TenantSession, tenant_session(_organization)]
) -> Caller[TenantSession]:
    return await _identify(session, match)


Reader = Annotated[Caller[ReadSession], Depends(_reader)]
Writer = Annotated[Caller[TenantSession], Depends(_writer)]
