"""Messages: appended in order, listed, liked, and found by what they are about."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Body
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from plc_coach import schemas
from plc_coach.callers import Reader, Writer
from plc_coach.models import Conversation, Message, MessageEmbedding
from tenantry.tenancy.nearest import fetch_nearest
from tenantry.web.pagination import Page, PageQuery, paginate
from tenantry.web.problems import Problem, problem_responses

__all__ = ["router"]

router = APIRouter(tags=["messages"])

OF_CONVERSATION = "/conversations/{conversation_id}/messages"


@router.post(OF_CONVERSATION, status_code=201, summary="Append a message", responses=problem_responses(404, 409))
async def append_message(caller: Writer, conversation_id: uuid.UUID, body: schemas.NewMessage) -> schemas.Message:
    """Append a message. Who appends at the same time waits for the conversation, so that times tell the order."""
    conversation = await caller.find(conversation_id, to_change=True)
    if conversation.status == "archived":
        raise Problem(409, "conversation_archived", "An archived conversation takes no messages.")
    conversation.updated_at = func.clock_timestamp()
    row = Message(conversation_id=conversation.id, **body.model_dump())
    caller.session.add(row)
    await caller.session.flush()
    await caller.session.refresh(row)
    return schemas.Message.model_validate(row)


@router.get(OF_CONVERSATION, summary="List messages, the oldest first", responses=problem_responses(404))
async def list_messages(caller: Reader, conversation_id: uuid.UUID, page: PageQuery) -> Page[schemas.Message]:
    """Return one page of a conversation's messages, in the order in which they were appended."""
    conversation = await caller.find(conversation_id)
    statement = select(Message).where(Message.conversation_id == conversation.id)
    asked, keys, convert = page.model_dump(), [Message.created_at, Message.id], schemas.Message.model_validate
    return await paginate(caller.session, statement, keys, **asked, convert=convert, order="asc")


@router.put("/messages/{message_id}/feedback", summary="Like a message", responses=problem_responses(404))
async def put_feedback(
    caller: Writer, message_id: uuid.UUID, score: Annotated[int | None, Body(embed=True, ge=1, le=5)]
) -> schemas.Message:
    """Say how a message was liked, from 1 to 5; null takes it back."""
    row = await _find(caller, message_id)
    row.feedback_score = score
    await caller.session.flush()
    return schemas.Message.model_validate(row)


@router.put(
    "/messages/{message_id}/embedding", status_code=204, summary="Place a message", responses=problem_responses(404)
)
async def put_embedding(
    caller: Writer, message_id: uuid.UUID, embedding: Annotated[schemas.Vector, Body(embed=True)]
) -> None:
    """Let searches find a message; a second embedding replaces the first."""
    row = await _find(caller, message_id)
    keys, values = ["organization_id", "message_id"], {"embedding": embedding}
    statement = insert(MessageEmbedding).values(message_id=row.id, **values)
    await caller.session.execute(statement.on_conflict_do_update(index_elements=keys, set_=values))


@router.post("/search", summary="Find the nearest messages")
async def search(caller: Reader, body: schemas.Search) -> list[schemas.Found]:
    """Return the `k` messages that stand nearest to a vector, among all that the caller sees."""
    statement = select(Message).join(MessageEmbedding, MessageEmbedding.message_id == Message.id)
    if caller.user.role == "educator":
        statement = statement.join(Conversation, Conversation.id == Message.conversation_id).where(caller.visible)
    distance = MessageEmbedding.embedding.cosine_distance(body.embedding)
    rows = await fetch_nearest(caller.session, statement, distance, body.k)
    return [schemas.Found.model_validate({**vars(row.Message), "distance": row.distance}) for row in rows]


async def _find(caller: Writer, message_id: uuid.UUID) -> Message:
    """Return a message of a conversation that the caller may change."""
    statement = select(Message).join(Conversation, Conversation.id == Message.conversation_id)
    row: Message | None = await caller.session.scalar(statement.where(Message.id == message_id, caller.visible))
    if row is None:
        raise Problem(404, "message_not_found", "There is no such message here.")
    await caller.find(row.conversation_id, to_change=True)
    return row
