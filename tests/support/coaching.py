"""What the PLC Coach tests share: people who sign in by an assertion, vectors, and a running service."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2

from plc_coach import demo
from plc_coach.models import Conversation, Message, MessageEmbedding, User
from plc_coach.settings import Settings
from tenantry import Database
from tenantry.fastapi import issue_token

RIVERSIDE, HILLTOP = uuid.UUID(int=0xA << 64), uuid.UUID(int=0xB << 64)
DIMENSIONS = 384


def assertion_of(
    settings: Settings, name: str, organization: uuid.UUID | None, /, *, lifetime: float = 60, **claims: Any
) -> str:
    """Return an assertion as the identity service signs it; a claim given as None is left out."""
    said = {
        "provider": "google",
        "jti": uuid.uuid4().hex,
        "email": f"{name}@school.example",
        "name": name.title(),
        "organization_id": None if organization is None else str(organization),
        **claims,
    }
    stated = {claim: value for claim, value in said.items() if value is not None}
    return issue_token(settings, f"subject-of-{name}", lifetime=timedelta(seconds=lifetime), further=stated)


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in; `http` speaks in the session."""

    id: str
    session_id: str
    http: httpx2.AsyncClient

    async def begin(self, title: str = "Lesson study") -> str:
        """Begin a conversation, and return its id."""
        answer = await self.http.post("/conversations", json={"title": title})
        assert answer.status_code == 201, answer.text
        conversation_id: str = answer.json()["id"]
        return conversation_id

    async def say(self, conversation_id: str, content: str = "Hello", **fields: object) -> dict[str, Any]:
        """Append a message, and return it."""
        body = {"role": "user", "content": content, **fields}
        answer = await self.http.post(f"/conversations/{conversation_id}/messages", json=body)
        assert answer.status_code == 201, answer.text
        message: dict[str, Any] = answer.json()
        return message

    async def place(self, message_id: str, embedding: list[float]) -> None:
        """Say where a message stands."""
        answer = await self.http.put(f"/messages/{message_id}/embedding", json={"embedding": embedding})
        assert answer.status_code == 204, answer.text


class Door:
    """Makes clients of one application, and people who come in through its API."""

    def __init__(self, transport: httpx2.ASGITransport, settings: Settings) -> None:
        self._transport = transport
        self.settings = settings

    def client(self, credential: str | None = None) -> httpx2.AsyncClient:
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return httpx2.AsyncClient(transport=self._transport, base_url="http://service", headers=headers)

    async def knock(self, assertion: str) -> httpx2.Response:
        return await self.client().post("/identity", json={"assertion": assertion})

    async def sign_in(self, name: str, organization: uuid.UUID | None = RIVERSIDE, /, **claims: Any) -> Person:
        answer = await self.knock(assertion_of(self.settings, name, organization, **claims))
        assert answer.status_code == 201, answer.text
        session = answer.json()
        return Person(session["user"]["id"], session["id"], self.client(session["id"]))


def axis(number: int, lean: float = 0.0, towards: int = 0) -> list[float]:
    """Return a vector along one dimension, leaning a little towards another."""
    vector = [0.0] * DIMENSIONS
    vector[number] = 1.0
    vector[towards] += lean
    return vector


async def fill(database: Database) -> None:
    """Insert rows into every table: the demonstration's, and a conversation with a message that can be found."""
    await demo.seed(database)
    async with database.tenant(RIVERSIDE) as session:
        user = User(email="ravi@school.example", name="Ravi")
        session.add(user)
        await session.flush()
        conversation = Conversation(user_id=user.id, title="T")
        session.add(conversation)
        await session.flush()
        message = Message(conversation_id=conversation.id, role="user", content="C")
        session.add(message)
        await session.flush()
        session.add(MessageEmbedding(message_id=message.id, embedding=axis(0)))
