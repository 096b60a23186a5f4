"""Bodies of requests and responses. No body names the organisation: the session gives it."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plc_coach.vectors import Vector
from tenantry.fastapi import Page, Patch, RequestBody, ResponseBody, fields

Role = Literal["educator", "coach", "admin"]
Status = Literal["active", "archived"]
Cost = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


class User(ResponseBody):
    """The user of a session."""

    id: uuid.UUID
    email: str
    name: str
    role: Role
    organization_id: uuid.UUID
    last_login: datetime | None


class Session(ResponseBody):
    """A session; its id is the bearer credential of all other requests."""

    id: uuid.UUID
    user: User
    expires_at: datetime
    created_at: datetime
    last_accessed_at: datetime


class ConversationChange(Patch):
    """Changes of a conversation; a missing field stays as it is."""

    title: fields.Title | None = None
    status: Status | None = None


class Conversation(ResponseBody):
    """A conversation, without its messages."""

    id: uuid.UUID
    user_id: uuid.UUID
    title: str
    status: Status
    created_at: datetime
    updated_at: datetime
    share_enabled: bool


class Totals(ResponseBody):
    """The number of messages of a conversation, and the sums of their tokens and costs."""

    messages: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


class NewMessage(RequestBody):
    """A message to append."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[fields.Text, Field(min_length=1, max_length=100_000)]
    citations: list[fields.JSONObject] = Field(default_factory=list, max_length=100)
    domains: list[fields.Title] = Field(default_factory=list, max_length=50)
    input_tokens: fields.Count = 0
    output_tokens: fields.Count = 0
    cost_usd: Cost = Decimal(0)


class SharedMessage(ResponseBody):
    """A message, as anyone with the share token can read it."""

    role: str
    content: str
    citations: list[dict[str, JsonValue]]
    created_at: datetime


class Message(SharedMessage):
    """A message."""

    id: uuid.UUID
    conversation_id: uuid.UUID
    domains: list[str]
    feedback_score: int | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


class SharedConversation(Page[SharedMessage]):
    """A page of a shared conversation, oldest messages first."""

    title: str


class Search(RequestBody):
    """A vector to search for, and the number of messages to return."""

    embedding: Vector
    k: int = Field(default=10, ge=1, le=100)


class Found(Message):
    """A message of a search; the distance is 0 for the same direction and 2 for the opposite one."""

    distance: float
