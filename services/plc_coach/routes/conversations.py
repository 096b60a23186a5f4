"""Conversations of the caller; coaches and admins see those of the organisation. Share links need no session."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from sqlalchemy import delete, func, select

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import Conversation, Message
from plc_coach.share_links import SharedConversation
from tenantry.fastapi import Creation, Listing, Page, PageQuery, fields, narrow, problem_responses, rows

__all__ = ["router", "sharing"]

router = APIRouter(prefix="/conversations", tags=["conversations"], responses=problem_responses(404))
sharing = APIRouter(tags=["sharing"], responses=problem_responses(404))

NEWEST_FIRST = Listing(schemas.Conversation, (Conversation.created_at, Conversation.id))
OLDEST_FIRST = Listing(schemas.SharedMessage, (Message.created_at, Message.id), order="asc")


@router.post("", status_code=201, summary="Begin a conversation")
async def create_conversation(
    caller: Writer, title: Annotated[fields.Title, Body(embed=True)], created: Creation
) -> schemas.Conversation:
    """Create a conversation of the caller."""
    row = await rows.add(caller.session, Conversation(user_id=caller.user.id, title=title))
    created.at(row.id)
    return schemas.Conversation.model_validate(row)


@router.get("", summary="List conversations, newest first")
async def list_conversations(
    caller: Reader, page: PageQuery, status: Annotated[schemas.Status | None, Query()] = None
) -> Page[schemas.Conversation]:
    """Return one page of the conversations that the caller may read; with `status`, only those in this state."""
    statement = narrow(select(Conversation).where(caller.visible), {Conversation.status: status})
    return await NEWEST_FIRST.page(caller.session, statement, page)


@router.get("/{conversation_id}", summary="Read a conversation")
async def read_conversation(caller: Reader, conversation_id: uuid.UUID) -> schemas.Conversation:
    """Return a conversation, without its messages."""
    return schemas.Conversation.model_validate(await caller.find(conversation_id))


@router.patch("/{conversation_id}", summary="Rename or archive a conversation")
async def change_conversation(
    caller: Writer, conversation_id: uuid.UUID, body: schemas.ConversationChange
) -> schemas.Conversation:
    """Change the title or the status. An archived conversation accepts no messages until it is active again."""
    row = await caller.find(conversation_id, to_change=True)
    return schemas.Conversation.model_validate(await rows.change(caller.session, row, body.changes()))


@router.delete("/{conversation_id}", status_code=204, summary="Delete a conversation")
async def delete_conversation(caller: Writer, conversation_id: uuid.UUID) -> None:
    """Delete a conversation with its messages and their embeddings."""
    row = await caller.find(conversation_id, to_change=True)
    await caller.session.execute(delete(Conversation).where(Conversation.id == row.id))


@router.get("/{conversation_id}/totals", summary="Count a conversation's tokens and cost")
async def read_totals(caller: Reader, conversation_id: uuid.UUID) -> schemas.Totals:
    """Return the number of messages, and the sums of their tokens and costs."""
    row = await caller.find(conversation_id)
    counted: tuple[Any, ...] = (Message.input_tokens, Message.output_tokens, Message.cost_usd)
    sums = [func.coalesce(func.sum(column), 0).label(column.key) for column in counted]
    statement = select(func.count().label("messages"), *sums).where(Message.conversation_id == row.id)
    return schemas.Totals.model_validate((await caller.session.execute(statement)).one())


@sharing.put("/conversations/{conversation_id}/share", summary="Share a conversation")
async def share(caller: Writer, conversation_id: uuid.UUID) -> dict[str, str]:
    """Enable sharing, and return the `share_token`; it stays the same until sharing is disabled."""
    return {"share_token": (await caller.find(conversation_id, to_change=True)).share()}


@sharing.delete("/conversations/{conversation_id}/share", status_code=204, summary="Stop sharing a conversation")
async def unshare(caller: Writer, conversation_id: uuid.UUID) -> None:
    """Disable sharing; the token is invalid from then on."""
    (await caller.find(conversation_id, to_change=True)).unshare()


@sharing.get("/shared/{share_token}", summary="Read a shared conversation")  # noqa: FAST003  # the dependency reads it
async def read_shared(shared: SharedConversation, page: PageQuery) -> schemas.SharedConversation:
    """Return a page of a shared conversation, without messages of the role `system`."""
    statement = select(Message).where(Message.conversation_id == shared.conversation.id, Message.role != "system")
    found = await OLDEST_FIRST.page(shared.session, statement, page)
    return schemas.SharedConversation(title=shared.conversation.title, **vars(found))
