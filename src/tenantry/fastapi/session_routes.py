"""Signing in by an assertion of the identity service, and the session that comes of it, as routes.

    router = session_router(User, UserSession, UsedAssertion, schemas.Session)

The parts: `assertions` verifies and uses up what the identity service signed, `identities` leads from it to a user,
`sessions` begins, refreshes and ends, `session_caller` tells whose a session is. What is shown of its user the service
says, in the field `user` of its shape.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from sqlalchemy import select

from tenantry.fastapi import sessions
from tenantry.fastapi.assertion_record import AssertionRecord
from tenantry.fastapi.assertions import CurrentAssertion, use_once
from tenantry.fastapi.caching import NO_STORE
from tenantry.fastapi.credentials import void_credential
from tenantry.fastapi.dependencies import CurrentDatabase
from tenantry.fastapi.identities import find_or_make, find_tenant_of
from tenantry.fastapi.problems import problem_responses
from tenantry.fastapi.request import note_tenant
from tenantry.fastapi.session_caller import SessionCaller, read_as, write_as
from tenantry.fastapi.shapes import Shape

__all__ = ["SessionShape", "session_router"]


class SessionShape(Shape):
    """What is shown of a session; a service adds `user`."""

    id: uuid.UUID
    expires_at: datetime
    created_at: datetime
    last_accessed_at: datetime


def session_router(user: Any, session: Any, assertion: type[AssertionRecord], shape: type[SessionShape]) -> APIRouter:
    """Return `POST /identity`, and `/sessions/current` to read, refresh and end.

    `user` is a model with `IdentityRecord`, `session` one with `SessionRecord`, `assertion` one with `AssertionRecord`.
    """
    router = APIRouter(tags=["sessions"])
    reading, writing = read_as(SessionCaller, session, user), write_as(SessionCaller, session, user)
    # The id is a credential, which no cache may keep.
    told: dict[str, Any] = {"response_model": shape, "dependencies": [NO_STORE]}

    def show(row: Any, theirs: Any) -> SessionShape:
        return shape.model_validate({**vars(row), "user": theirs})

    @router.post("/identity", status_code=201, summary="Sign in", responses=problem_responses(401, 409), **told)
    async def sign_in(said: CurrentAssertion, database: CurrentDatabase) -> SessionShape:
        """Begin a session of the user whom a signed assertion names, once; the first names the organisation too."""
        settings = sessions.session_settings(database.settings)
        tenant = await find_tenant_of(database, user, said)
        note_tenant(tenant)
        async with database.tenant(tenant) as work:
            await use_once(work, assertion, said)
            theirs = await find_or_make(work, user, said)
            begun = await sessions.begin(work, session, theirs.id, settings)
        return show(begun, theirs)

    @router.get("/sessions/current", summary="Read the session", **told)
    async def read_session(caller: Any = reading) -> SessionShape:
        """Return the session of the credential, and its user."""
        row = await caller.session.scalar(select(session).where(session.id == caller.session_id))
        return show(row, caller.user)

    @router.post("/sessions/current/refresh", summary="Refresh the session", **told)
    async def refresh_session(database: CurrentDatabase, caller: Any = writing) -> SessionShape:
        """Let the session be good for its whole lifetime again, but no longer than a session may be."""
        settings = sessions.session_settings(database.settings)
        refreshed = await sessions.refresh(caller.session, session, caller.session_id, settings)
        if refreshed is None:
            raise void_credential()
        return show(refreshed, caller.user)

    @router.delete("/sessions/current", status_code=204, summary="End the session")
    async def end_session(caller: Any = writing) -> None:
        """End the session; its id is nobody's from now on."""
        await sessions.end(caller.session, session, caller.session_id)

    return router
