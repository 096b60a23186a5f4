"""Who is speaking: the user of the session whose id is the bearer credential.

    class Caller(SessionCaller[AnySession, User]): ...                 # what a caller may do, the service says
    Reader = Annotated[Caller[ReadSession], read_as(Caller, UserSession, User)]
    Writer = Annotated[Caller[TenantSession], write_as(Caller, UserSession, User)]

Invariant: the user is read in the unit of work in which the route does its work, so that a session that was ended, or a
role that was taken away, counts at once. The model's declared lookup leads from the id to the tenant, and to nothing
else.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Depends
from sqlalchemy import func, select

from tenantry.fastapi.credentials import found_by_bearer, void_credential
from tenantry.fastapi.dependencies import read_session, tenant_session
from tenantry.fastapi.session_record import SessionRecord
from tenantry.tenancy.lookup import TenantMatch
from tenantry.tenancy.session import ReadSession, TenantSession

__all__ = ["AnySession", "SessionCaller", "read_as", "write_as"]

AnySession = TypeVar("AnySession", TenantSession, ReadSession)
User = TypeVar("User")


@dataclass(frozen=True, slots=True)
class SessionCaller(Generic[AnySession, User]):
    """A user in a unit of work of the user's tenant."""

    session: AnySession
    user: User
    session_id: uuid.UUID


def read_as(caller: Callable[..., Any], record: type[SessionRecord], user: type[Any]) -> Any:
    """Return the dependency that gives a caller who reads, or ends the request with 401."""
    return _calling(caller, record, user, read_session)


def write_as(caller: Callable[..., Any], record: type[SessionRecord], user: type[Any]) -> Any:
    """Return the dependency that gives a caller who reads and writes, or ends the request with 401."""
    return _calling(caller, record, user, tenant_session)


def _calling(
    caller: Callable[..., Any], record: type[SessionRecord], user: type[Any], opening: Callable[..., Any]
) -> Any:
    by_bearer = found_by_bearer(record, "id")

    async def tenant(match: TenantMatch = by_bearer) -> Any:
        return match.tenant

    opened = opening(tenant)
    # Expired and ended since the lookup: of two requests at once the other may have ended the session.
    theirs = select(user).join(record, record.user_id == user.id).where(record.expires_at > func.now())

    async def provide(match: TenantMatch = by_bearer, session: Any = opened) -> Any:
        found = await session.scalar(theirs.where(record.id == match.key))
        if found is None:
            raise void_credential()
        return caller(session, found, match.key)

    return Depends(provide)
