"""Two organisations with a coach and educators who have a conversation each, and the requests worth trying.

Everything here is made up; `seed` is for a database that serves demonstrations alone. The ids of its sessions follow
from the secret of the settings, so that they open no other demonstration.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from plc_coach.models import DIMENSIONS, Conversation, Message, MessageEmbedding, User, UserSession
from plc_coach.settings import Settings
from tenantry import Database, TenantSession
from tenantry.fastapi.assertions import issue_assertion
from tenantry.fastapi.examples import Examples, derived_id
from tenantry.fastapi.rows import add, put

__all__ = ["ORGANIZATIONS", "examples", "seed", "session_ids"]

RIVERSIDE, HILLTOP = uuid.UUID(int=0x0147 << 64), uuid.UUID(int=0x0411 << 64)
# The users of each organisation, with their roles.
ORGANIZATIONS = {RIVERSIDE: {"rosa": "coach", "ravi": "educator"}, HILLTOP: {"hana": "educator"}}


def session_ids(settings: Settings) -> dict[str, uuid.UUID]:
    """Return the id of each demonstration user's session; none where no secret is there to derive it from."""
    if settings.jwt_secret is None:
        return {}
    return {name: derived_id(settings.jwt_secret, name) for users in ORGANIZATIONS.values() for name in users}


async def seed(database: Database) -> None:
    """Put in the demonstration organisations where they are not there yet, and let their sessions go on."""
    assert isinstance(database.settings, Settings)
    sessions, until = session_ids(database.settings), {"expires_at": func.now() + timedelta(days=30)}
    for organization, users in ORGANIZATIONS.items():
        async with database.tenant(organization) as session:
            for name, role in users.items():
                user = await session.scalar(select(User).where(User.sso_id == name)) or await _add(session, name, role)
                if name in sessions:
                    begun = {"id": sessions[name], "user_id": user.id}
                    await put(session, UserSession, ["id"], begun, until)


async def _add(session: TenantSession, name: str, role: str) -> User:
    known = {"email": f"{name}@demo.example", "name": name.title(), "role": role}
    user = await add(session, User(**known, sso_provider="demo", sso_id=name))
    conversation = await add(session, Conversation(user_id=user.id, title="Formative assessment"))
    answer = "Begin with one question that every student answers before leaving."
    cited = {"citations": [{"source": "Exit tickets", "page": 12}], "domains": ["assessment"]}
    said: tuple[dict[str, Any], ...] = (
        {"role": "user", "content": "How do we check for understanding?"},
        {"role": "assistant", "content": answer, "input_tokens": 120, "output_tokens": 48, **cited},
    )
    for place, values in enumerate(said):
        message = await add(session, Message(conversation_id=conversation.id, **values))
        direction = [float(dimension == place) for dimension in range(DIMENSIONS)]
        session.add(MessageEmbedding(message_id=message.id, embedding=direction))
    return user


def examples(settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield what is worth trying at `url`, the service's own (`http://127.0.0.1:8000/plc-coach`): title, curl line."""
    ask = Examples(url, session_ids(settings))
    yield ask.ready
    if settings.jwt_secret is None:
        return
    yield "Who am I?", ask.line("/sessions/current", "ravi")
    yield "An educator's own conversations", ask.line("/conversations", "ravi")
    yield "A coach sees those of the organisation", ask.line("/conversations", "rosa")
    yield "Another organisation sees its own only", ask.line("/conversations", "hana")
    yield "Begin a conversation", ask.line("/conversations", "ravi", {"title": "Lesson study"})
    assertion = issue_assertion(settings, "rhea", RIVERSIDE, email="rhea@demo.example", name="Rhea")
    yield "Sign in, once and within a minute", ask.line("/identity", body={"assertion": assertion})
