"""A conversation that everybody may read who knows its token, and nobody else.

A token that is switched off and one that never was get one answer. Switching on again makes another token, so that what
was handed out before stays dead.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Annotated

from fastapi import APIRouter, Path
from sqlalchemy import select

from plc_coach import schemas
from plc_coach.callers import Writer
from plc_coach.models import Conversation, Message
from tenantry.web.dependencies import CurrentDatabase
from tenantry.web.pagination import PageQuery, paginate
from tenantry.web.problems import Problem, problem_responses
from tenantry.web.request import note_tenant

__all__ = ["router"]

router = APIRouter(tags=["sharing"], responses=problem_responses(404))

Token = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


@router.put("/conversations/{conversation_id}/share", summary="Share a conversation")
async def share(caller: Writer, conversation_id: uuid.UUID) -> dict[str, str]:
    """Switch sharing on, and return the `share_token`; it stays the same until sharing is switched off."""
    row = await caller.find(conversation_id, to_change=True)
    if not row.share_enabled or row.share_token is None:
        row.share_token, row.share_enabled = secrets.token_urlsafe(32), True
    return {"share_token": row.share_token}


@router.delete("/conversations/{conversation_id}/share", status_code=204, summary="Share a conversation no longer")
async def unshare(caller: Writer, conversation_id: uuid.UUID) -> None:
    """Switch sharing off; the token opens nothing from now on."""
    (await caller.find(conversation_id, to_change=True)).share_enabled = False


@router.get("/shared/{share_token}", summary="Read a shared conversation")
async def read_shared(database: CurrentDatabase, share_token: Token, page: PageQuery) -> schemas.SharedConversation:
    """Return a page of a shared conversation, without what is meant for the assistant alone (`system`)."""
    match = await database.find_tenant(Conversation, share_token=share_token)
    if match is None:
        raise _not_shared()
    note_tenant(match.tenant)
    async with database.tenant(match.tenant, read_only=True) as session:
        still = select(Conversation.title).where(Conversation.id == match.key, Conversation.share_enabled)
        title: str | None = await session.scalar(still)
        if title is None:
            raise _not_shared()
        statement = select(Message).where(Message.conversation_id == match.key, Message.role != "system")
        asked, keys, convert = page.model_dump(), [Message.created_at, Message.id], schemas.SharedMessage.model_validate
        found = await paginate(session, statement, keys, **asked, convert=convert, order="asc")
    return schemas.SharedConversation(title=title, **vars(found))


def _not_shared() -> Problem:
    return Problem(404, "share_not_found", "Nothing is shared under this token.")
