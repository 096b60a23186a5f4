"""Signing in by an assertion of the identity service, and the session that comes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import IdentityAssertion, User, UserSession
from tenantry import TenantSession
from tenantry.web.assertions import Assertion, CurrentAssertion, use_once
from tenantry.web.dependencies import CurrentDatabase
from tenantry.web.problems import Problem, problem_responses
from tenantry.web.request import note_tenant

__all__ = ["router"]

router = APIRouter(tags=["sessions"])


@router.post("/identity", status_code=201, summary="Sign in", responses=problem_responses(401, 409))
async def sign_in(assertion: CurrentAssertion, database: CurrentDatabase, response: Response) -> schemas.Session:
    """Begin a session of the user whom a signed assertion names, once; the first names the organisation too."""
    settings: Any = database.settings
    organization: Any = assertion.tenant
    if organization is None:
        match = await database.find_tenant(User, email=assertion.email)
        if match is None:
            raise Problem(422, "organization_required", "A user's first assertion names the organisation.")
        organization = match.tenant
    note_tenant(organization)
    async with database.tenant(organization) as work:
        await use_once(work, IdentityAssertion, assertion)
        await work.execute(delete(UserSession).where(UserSession.expires_at <= func.now()))
        user = await _find_or_make(work, assertion)
        lifetime = timedelta(seconds=settings.session_lifetime)
        begun = insert(UserSession).values(user_id=user.id, expires_at=func.now() + lifetime)
        session = (await work.scalars(begun.returning(UserSession))).one()
    return _shown(session, user, response)


@router.get("/sessions/current", summary="Read the session")
async def read_session(caller: Reader, response: Response) -> schemas.Session:
    """Return the session of the credential, and its user."""
    found = await caller.session.scalars(select(UserSession).where(UserSession.id == caller.session_id))
    return _shown(found.one(), caller.user, response)


@router.post("/sessions/current/refresh", summary="Refresh the session")
async def refresh_session(caller: Writer, database: CurrentDatabase, response: Response) -> schemas.Session:
    """Let the session be good for its whole lifetime again, but no longer than a session may be."""
    settings: Any = database.settings
    longest = UserSession.created_at + timedelta(seconds=settings.session_longest)
    until = func.least(func.now() + timedelta(seconds=settings.session_lifetime), longest)
    statement = update(UserSession).where(UserSession.id == caller.session_id).returning(UserSession)
    found = await caller.session.scalars(statement.values(expires_at=until, last_accessed_at=func.now()))
    return _shown(found.one(), caller.user, response)


@router.delete("/sessions/current", status_code=204, summary="End the session")
async def end_session(caller: Writer) -> None:
    """End the session; its id is nobody's from now on."""
    await caller.session.execute(delete(UserSession).where(UserSession.id == caller.session_id))


async def _find_or_make(work: TenantSession, assertion: Assertion) -> User:
    """Return the user of an identity; whoever was entered by hand gets it by the first sign-in.

    An address of another identity, or of another organisation, is refused by its unique index.
    """
    identity = {"sso_provider": assertion.provider, "sso_id": assertion.sub}
    known = {"email": assertion.email, "name": assertion.name, "last_login": func.now()}
    known |= {"role": assertion.role} if assertion.role else {}
    entered = update(User).where(User.email == assertion.email, User.sso_id.is_(None))
    await work.execute(entered.values(**identity), execution_options={"synchronize_session": False})
    keys = ["organization_id", "sso_provider", "sso_id"]
    statement = insert(User).values(**identity, **known).on_conflict_do_update(index_elements=keys, set_=known)
    return (await work.scalars(statement.returning(User))).one()


def _shown(session: UserSession, user: User, response: Response) -> schemas.Session:
    # The id is a credential, which no cache may keep.
    response.headers["Cache-Control"] = "no-store"
    return schemas.Session.model_validate({**vars(session), "user": user})
