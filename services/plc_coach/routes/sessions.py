"""Signing in with an assertion of the identity service, and the session that it begins."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from sqlalchemy import select

from plc_coach import identity, schemas, sessions
from plc_coach.callers import Reader, Writer, invalid_credential
from plc_coach.models import User, UserSession
from plc_coach.settings import settings_of
from tenantry.fastapi import NO_STORE, CurrentDatabase, note_tenant, problem_responses

__all__ = ["router"]

router = APIRouter(tags=["sessions"])

# The id of a session is a credential, so a cache must not store the response.
UNCACHED: Any = {"dependencies": [NO_STORE]}


@router.post("/identity", status_code=201, summary="Sign in", responses=problem_responses(401, 409), **UNCACHED)
async def sign_in(assertion: identity.CurrentAssertion, database: CurrentDatabase) -> schemas.Session:
    """Begin a session of the user that a signed assertion names.

    An assertion works once. The first assertion of a user also names the organisation.
    """
    organization = await identity.find_organization(database, assertion)
    note_tenant(organization)
    async with database.tenant(organization) as session:
        await identity.use_once(session, assertion)
        user = await identity.find_or_create_user(session, assertion)
        begun = await sessions.begin(session, user.id, settings_of(database))
    return _show(begun, user)


@router.get("/sessions/current", summary="Read the session", **UNCACHED)
async def read_session(caller: Reader) -> schemas.Session:
    """Return the session of the credential, and its user."""
    row = await caller.session.scalar(select(UserSession).where(UserSession.id == caller.session_id))
    return _show(row, caller.user)


@router.post("/sessions/current/refresh", summary="Refresh the session", **UNCACHED)
async def refresh_session(database: CurrentDatabase, caller: Writer) -> schemas.Session:
    """Extend the session to its full lifetime from now, within its maximum age."""
    refreshed = await sessions.refresh(caller.session, caller.session_id, settings_of(database))
    if refreshed is None:
        raise invalid_credential()
    return _show(refreshed, caller.user)


@router.delete("/sessions/current", status_code=204, summary="End the session")
async def end_session(caller: Writer) -> None:
    """End the session; its id is invalid from then on."""
    await sessions.end(caller.session, caller.session_id)


def _show(row: UserSession, user: User) -> schemas.Session:
    return schemas.Session.model_validate({**vars(row), "user": user})
