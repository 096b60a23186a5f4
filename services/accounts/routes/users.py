"""The users of a tenant, for its administrators. A user of another tenant is never found."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import ColumnElement, Select, cast, delete, select, update
from sqlalchemy.dialects.postgresql import JSONB

from accounts import credentials, schemas
from accounts.models import ADMIN, User
from accounts.passwords import CurrentPasswords
from accounts.speaker import CurrentSpeaker
from tenantry import TenantSession
from tenantry.fastapi import Creation, Listing, Page, PageQuery, Problem, problem_responses, rows

__all__ = ["router"]

router = APIRouter(prefix="/users", tags=["users"])

NEWEST_FIRST = Listing(schemas.User, (User.created_at, User.id))


@router.get("", summary="List users, newest first")
async def list_users(
    speaker: CurrentSpeaker, page: PageQuery, role: Annotated[schemas.Role | None, Query()] = None
) -> Page[schemas.User]:
    """Return one page of the tenant's users; with `role`, only users who have this role."""
    async with speaker.reading(ADMIN) as (session, _):
        statement = select(User) if role is None else select(User).where(_has_role(role))
        return await NEWEST_FIRST.page(session, statement, page)


@router.post("", status_code=201, summary="Add a user", responses=problem_responses(409, 503))
async def create_user(
    speaker: CurrentSpeaker, passwords: CurrentPasswords, body: schemas.NewUser, created: Creation
) -> schemas.User:
    """Add a user to the tenant. The answer tells that an e-mail is taken (409), but not by whom or in which tenant."""
    async with speaker.reading(ADMIN):
        # The role is checked before the expensive hashing, and again in the unit of work that writes.
        pass
    hashed = await passwords.hash(body.password, body.username, body.email)
    async with speaker.writing(ADMIN) as (session, _):
        new = User(username=body.username, email=body.email, hashed_password=hashed, roles=list(body.roles))
        user = await rows.add(session, new)
    created.at(user.id)
    return schemas.User.model_validate(user)


@router.get("/{user_id}", summary="Read a user", responses=problem_responses(404))
async def read_user(speaker: CurrentSpeaker, user_id: uuid.UUID) -> schemas.User:
    """Return one of the tenant's users."""
    async with speaker.reading(ADMIN) as (session, _):
        return schemas.User.model_validate(await rows.find(session, _one(user_id), "user"))


@router.patch("/{user_id}", summary="Change a user", responses=problem_responses(404, 409, 503))
async def change_user(
    speaker: CurrentSpeaker, passwords: CurrentPasswords, user_id: uuid.UUID, body: schemas.UserPatch
) -> schemas.User:
    """Change the given fields. A new password makes the user's tokens invalid.

    Administrators change their own password at `/me/password`.
    """
    async with speaker.reading(ADMIN) as (reading, administrator):
        user = await rows.find(reading, _one(user_id), "user")
    values = body.changes()
    values.pop("password", None)
    if body.password is not None:
        if user.id == administrator.id:
            raise Problem(409, "own_password", "Change your own password at /me/password; it asks for the current one.")
        names = (body.username or user.username, body.email or user.email)
        values["hashed_password"] = await passwords.hash(body.password, *names)
    if not values:
        return schemas.User.model_validate(user)
    async with speaker.writing(ADMIN) as (session, administrator):
        if body.roles is not None and ADMIN not in body.roles:
            await _keep_an_admin(session, user_id, administrator.id)
        statement = update(User).where(User.id == user_id).values(**values).returning(User)
        found = (await session.scalars(statement.execution_options(populate_existing=True))).one_or_none()
        changed = rows.present(found, "user")
        if body.password is not None:
            await credentials.note_password_change(session, user_id)
    return schemas.User.model_validate(changed)


@router.delete("/{user_id}", status_code=204, summary="Remove a user", responses=problem_responses(404, 409))
async def remove_user(speaker: CurrentSpeaker, user_id: uuid.UUID) -> None:
    """Remove a user; the user's tokens become invalid at once. The last administrator cannot be removed."""
    async with speaker.writing(ADMIN) as (session, administrator):
        await _keep_an_admin(session, user_id, administrator.id)
        statement = delete(User).where(User.id == user_id).returning(User.id)
        rows.present((await session.scalars(statement)).one_or_none(), "user")


def _one(user_id: uuid.UUID) -> Select[User]:
    return select(User).where(User.id == user_id)


async def _keep_an_admin(session: TenantSession, leaving: uuid.UUID, speaker: uuid.UUID) -> None:
    """Make sure that the tenant keeps an administrator when `leaving` is removed or loses the role.

    The statement locks the rows of all administrators in the order of their ids. Another request that removes an
    administrator waits for the locks, and then sees the changes of this unit of work.

    Raises:
        Problem: 409, no administrator would be left; 403, the speaker lost the role while this request waited.
    """
    statement = select(User.id).where(_has_role(ADMIN)).order_by(User.id).with_for_update(key_share=True)
    admins = set((await session.scalars(statement)).all())
    if not admins - {leaving}:
        raise Problem(409, "last_admin", "A tenant needs an administrator. Give another user the role first.")
    if speaker not in admins:
        raise Problem(403, "role_required", f"This request needs the role {ADMIN!r}.")


def _has_role(role: str) -> ColumnElement[bool]:
    return cast(User.roles, JSONB).contains([role])
