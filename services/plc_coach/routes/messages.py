"""Messages: append, list, rate, and search by embedding."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body
from sqlalchemy import func, select

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import Conversation, Message, MessageEmbedding
from plc_coach.vectors import Vector
from tenantry import fetch_nearest
from tenantry.fastapi import Listing, Page, PageQuery, Problem, problem_responses, rows

__all__ = ["router"]

router = APIRouter(tags=["messages"])

OF_CONVERSATION = "/conversations/{conversation_id}/messages"
OLDEST_FIRST = Listing(schemas.Message, (Message.created_at, Message.id), order="asc")


@router.post(OF_CONVERSATION, status_code=201, summary="Append a message", responses=problem_responses(404, 409))
async def append_message(caller: Writer, conversation_id: uuid.UUID, body: schemas.NewMessage) -> schemas.Message:
    """Append a message. Concurrent requests wait for the conversation's row, so times give the order of messages."""
    conversation = await caller.find(conversation_id, to_change=True)
    if conversation.status == "archived":
        raise Problem(409, "conversation_archived", "An archived conversation accepts no messages.")
    conversation.updated_at = func.clock_timestamp()
    row = await rows.add(caller.session, Message(conversation_id=conversation.id, **body.model_dump()))
    await caller.session.refresh(row)
    return schemas.Message.model_validate(row)


@router.get(OF_CONVERSATION, summary="List messages, oldest first", responses=problem_responses(404))
async def list_messages(caller: Reader, conversation_id: uuid.UUID, page: PageQuery) -> Page[schemas.Message]:
    """Return one page of a conversation's messages, in the order of appending."""
    conversation = await caller.find(conversation_id)
    statement = select(Message).where(Message.conversation_id == conversation.id)
    return await OLDEST_FIRST.page(caller.session, statement, page)


@router.put("/messages/{message_id}/feedback", summary="Rate a message", responses=problem_responses(404))
async def put_feedback(
    caller: Writer, message_id: uuid.UUID, score: Annotated[int | None, Body(embed=True, ge=1, le=5)]
) -> schemas.Message:
    """Store a rating from 1 to 5; null removes it."""
    row = await _find(caller, message_id)
    return schemas.Message.model_validate(await rows.change(caller.session, row, {"feedback_score": score}))


@router.put(
    "/messages/{message_id}/embedding", status_code=204, summary="Store an embedding", responses=problem_responses(404)
)
async def put_embedding(caller: Writer, message_id: uuid.UUID, embedding: Annotated[Vector, Body(embed=True)]) -> None:
    """Store the embedding of a message, so that searches find it; it replaces an earlier one."""
    row = await _find(caller, message_id)
    index, identity = ["organization_id", "message_id"], {"message_id": row.id}
    await rows.put(caller.session, MessageEmbedding, index, identity, {"embedding": embedding})


@router.post("/search", summary="Find the nearest messages")
async def search(caller: Reader, body: schemas.Search) -> list[schemas.Found]:
    """Return the `k` messages nearest to a vector, among all that the caller may read."""
    statement = select(Message).join(MessageEmbedding, MessageEmbedding.message_id == Message.id)
    if caller.user.role == "educator":
        statement = statement.join(Conversation, Conversation.id == Message.conversation_id).where(caller.visible)
    distance = MessageEmbedding.embedding.cosine_distance(body.embedding)
    nearest = await fetch_nearest(caller.session, statement, distance, body.k)
    return [schemas.Found.model_validate({**vars(row.Message), "distance": row.distance}) for row in nearest]


async def _find(caller: Writer, message_id: uuid.UUID) -> Message:
    """Return a message of a conversation that the caller may change."""
    statement = select(Message).join(Conversation, Conversation.id == Message.conversation_id)
    row = await rows.find(caller.session, statement.where(Message.id == message_id, caller.visible), "message")
    await caller.find(row.conversation_id, to_change=True)
    return row
