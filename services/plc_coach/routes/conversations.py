"""Conversations of the caller, of the organisation for coaches and admins; and those that are shared, of everybody."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from sqlalchemy import delete, func, select

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import Conversation, Message
from tenantry.fastapi.creation import Creation
from tenantry.fastapi.fields import Title
from tenantry.fastapi.listing import Listing, narrow
from tenantry.fastapi.pages import Page, PageQuery
from tenantry.fastapi.problems import problem_responses
from tenantry.fastapi.rows import add, change
from tenantry.fastapi.share_links import Shared, shared_by_link

__all__ = ["router", "sharing"]

router = APIRouter(prefix="/conversations", tags=["conversations"], responses=problem_responses(404))
sharing = APIRouter(tags=["sharing"], responses=problem_responses(404))

SharedConversation = Annotated[Shared[Conversation], shared_by_link(Conversation)]

NEWEST_FIRST = Listing(schemas.Conversation, (Conversation.created_at, Conversation.id))
FROM_ITS_BEGINNING = Listing(schemas.SharedMessage, (Message.created_at, Message.id), order="asc")


@router.post("", status_code=201, summary="Begin a conversation")
async def create_conversation(
    caller: Writer, title: Annotated[Title, Body(embed=True)], created: Creation
) -> schemas.Conversation:
    """Begin a conversation of the caller's."""
    row = await add(caller.session, Conversation(user_id=caller.user.id, title=title))
    created.at(row.id)
    return schemas.Conversation.model_validate(row)


@router.get("", summary="List conversations, the newest first")
async def list_conversations(
    caller: Reader, page: PageQuery, status: Annotated[schemas.Status | None, Query()] = None
) -> Page[schemas.Conversation]:
    """Return one page of the conversations that the caller sees, of those in one state where asked."""
    statement = narrow(select(Conversation).where(caller.visible), {Conversation.status: status})
    return await NEWEST_FIRST.page(caller.session, statement, page)


@router.get("/{conversation_id}", summary="Read a conversation")
async def read_conversation(caller: Reader, conversation_id: uuid.UUID) -> schemas.Conversation:
    """Return a conversation without its messages."""
    return schemas.Conversation.model_validate(await caller.find(conversation_id))


@router.patch("/{conversation_id}", summary="Rename or archive a conversation")
async def change_conversation(
    caller: Writer, conversation_id: uuid.UUID, body: schemas.ConversationChange
) -> schemas.Conversation:
    """Change the title or the state; an archived conversation takes no messages until it is active again."""
    row = await caller.find(conversation_id, to_change=True)
    return schemas.Conversation.model_validate(await change(caller.session, row, body.changes()))


@router.delete("/{conversation_id}", status_code=204, summary="Delete a conversation")
async def delete_conversation(caller: Writer, conversation_id: uuid.UUID) -> None:
    """Delete a conversation with its messages, and what they were found by."""
    row = await caller.find(conversation_id, to_change=True)
    await caller.session.execute(delete(Conversation).where(Conversation.id == row.id))


@router.get("/{conversation_id}/totals", summary="Count a conversation's tokens and cost")
async def read_totals(caller: Reader, conversation_id: uuid.UUID) -> schemas.Totals:
    """Return how many messages there are, and what they have come to."""
    row = await caller.find(conversation_id)
    counted: tuple[Any, ...] = (Message.input_tokens, Message.output_tokens, Message.cost_usd)
    sums = [func.coalesce(func.sum(column), 0).label(column.key) for column in counted]
    statement = select(func.count().label("messages"), *sums).where(Message.conversation_id == row.id)
    return schemas.Totals.model_validate((await caller.session.execute(statement)).one())


@sharing.put("/conversations/{conversation_id}/share", summary="Share a conversation")
async def share(caller: Writer, conversation_id: uuid.UUID) -> dict[str, str]:
    """Switch sharing on, and return the `share_token`; it stays the same until sharing is switched off."""
    return {"share_token": (await caller.find(conversation_id, to_change=True)).share()}


@sharing.delete("/conversations/{conversation_id}/share", status_code=204, summary="Share a conversation no longer")
async def unshare(caller: Writer, conversation_id: uuid.UUID) -> None:
    """Switch sharing off; the token opens nothing from now on."""
    (await caller.find(conversation_id, to_change=True)).unshare()


@sharing.get("/shared/{share_token}", summary="Read a shared conversation")  # noqa: FAST003  # its dependency takes it
async def read_shared(shared: SharedConversation, page: PageQuery) -> schemas.SharedConversation:
    """Return a page of a shared conversation, without what is meant for the assistant alone (`system`)."""
    statement = select(Message).where(Message.conversation_id == shared.row.id, Message.role != "system")
    found = await FROM_ITS_BEGINNING.page(shared.session, statement, page)
    return schemas.SharedConversation(title=shared.row.title, **vars(found))
