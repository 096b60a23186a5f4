"""What the API takes and gives. Whose a row is stands in no body: the session says it."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from plc_coach.models import DIMENSIONS
from tenantry.fastapi.fields import Count, JSONObject, Text, Title
from tenantry.fastapi.pages import Page
from tenantry.fastapi.session_routes import SessionShape
from tenantry.fastapi.shapes import Body, Patch, Shape
from tenantry.fastapi.vectors import Direction

Role = Literal["educator", "coach", "admin"]
Status = Literal["active", "archived"]
Vector = Annotated[list[float], Direction(DIMENSIONS)]
Cost = Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=6)]


class User(Shape):
    """Who speaks in a session."""

    id: uuid.UUID
    email: str
    name: str
    role: Role
    organization_id: uuid.UUID
    last_login: datetime | None


class Session(SessionShape):
    """A session; its id is the bearer credential of every other request."""

    user: User


class ConversationChange(Patch):
    """What shall change; what is left out stays."""

    title: Title | None = None
    status: Status | None = None


class Conversation(Shape):
    """A conversation, without its messages."""

    id: uuid.UUID
    user_id: uuid.UUID
    title: str
    status: Status
    created_at: datetime
    updated_at: datetime
    share_enabled: bool


class Totals(Shape):
    """What a conversation has come to."""

    messages: int
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


class NewMessage(Body):
    """A message to append."""

    role: Literal["user", "assistant", "system"]
    content: Annotated[Text, Field(min_length=1, max_length=100_000)]
    citations: list[JSONObject] = Field(default_factory=list, max_length=100)
    domains: list[Title] = Field(default_factory=list, max_length=50)
    input_tokens: Count = 0
    output_tokens: Count = 0
    cost_usd: Cost = Decimal(0)


class SharedMessage(Shape):
    """A message as everybody may read it who knows the token."""

    role: str
    content: str
    citations: list[dict[str, JsonValue]]
    created_at: datetime


class Message(SharedMessage):
    """A message as it is stored."""

    id: uuid.UUID
    conversation_id: uuid.UUID
    domains: list[str]
    feedback_score: int | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal


class SharedConversation(Page[SharedMessage]):
    """A page of a shared conversation, from its beginning."""

    title: str


class Search(Body):
    """Where to look, and how many to return."""

    embedding: Vector
    k: int = Field(default=10, ge=1, le=100)


class Found(Message):
    """A message that was found; distance is 0 for the same direction, 2 for the opposite one."""

    distance: float
