"""Conversations of the caller; of the organisation for coaches and admins."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request, Response
from sqlalchemy import delete, func, select

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import Conversation, Message
from tenantry.web.fields import Title
from tenantry.web.pagination import Page, PageQuery, paginate
from tenantry.web.problems import problem_responses

__all__ = ["router"]

router = APIRouter(prefix="/conversations", tags=["conversations"], responses=problem_responses(404))


@router.post("", status_code=201, summary="Begin a conversation")
async def create_conversation(
    caller: Writer, title: Annotated[Title, Body(embed=True)], request: Request, response: Response
) -> schemas.Conversation:
    """Begin a conversation of the caller's."""
    row = Conversation(user_id=caller.user.id, title=title)
    caller.session.add(row)
    await caller.session.flush()
    response.headers["Location"] = f"{request.url.path}/{row.id}"
    return schemas.Conversation.model_validate(row)


@router.get("", summary="List conversations, the newest first")
async def list_conversations(
    caller: Reader, page: PageQuery, status: Annotated[schemas.Status | None, Query()] = None
) -> Page[schemas.Conversation]:
    """Return one page of the conversations that the caller sees, of those in one state where asked."""
    statement = select(Conversation).where(caller.visible)
    if status is not None:
        statement = statement.where(Conversation.status == status)
    keys, convert = [Conversation.created_at, Conversation.id], schemas.Conversation.model_validate
    return await paginate(caller.session, statement, keys, **page.model_dump(), convert=convert)


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
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(row, name, value)
    await caller.session.flush()
    return schemas.Conversation.model_validate(row)


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
