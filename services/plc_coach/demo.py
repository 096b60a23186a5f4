"""Demonstration data: two organisations with users who have a conversation each, and example requests.

Run `seed` only on a database that is for demonstrations. The ids of its sessions are derived from `jwt_secret`, so they
are valid for this deployment only.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select

from plc_coach.identity import issue_assertion
from plc_coach.models import DIMENSIONS, Conversation, Message, MessageEmbedding, User, UserSession
from plc_coach.settings import Settings, settings_of
from tenantry import Database, TenantSession
from tenantry.fastapi import Examples, rows

__all__ = ["ORGANIZATIONS", "examples", "seed", "session_ids"]

RIVERSIDE, HILLTOP = uuid.UUID(int=0x0147 << 64), uuid.UUID(int=0x0411 << 64)
# For each organisation: its users with their roles.
ORGANIZATIONS = {RIVERSIDE: {"rosa": "coach", "ravi": "educator"}, HILLTOP: {"hana": "educator"}}


def session_ids(settings: Settings) -> dict[str, uuid.UUID]:
    """Return the id of each demonstration user's session; an empty dict when `jwt_secret` is not set."""
    if settings.jwt_secret is None:
        return {}
    return {name: _derive_id(settings.jwt_secret, name) for users in ORGANIZATIONS.values() for name in users}


async def seed(database: Database) -> None:
    """Insert the demonstration organisations that do not exist yet, and extend their sessions."""
    sessions, until = session_ids(settings_of(database)), {"expires_at": func.now() + timedelta(days=30)}
    for organization, users in ORGANIZATIONS.items():
        async with database.tenant(organization) as session:
            for name, role in users.items():
                user = await session.scalar(select(User).where(User.sso_id == name)) or await _add(session, name, role)
                if name in sessions:
                    begun = {"id": sessions[name], "user_id": user.id}
                    await rows.put(session, UserSession, ["id"], begun, until)


async def _add(session: TenantSession, name: str, role: str) -> User:
    known = {"email": f"{name}@demo.example", "name": name.title(), "role": role}
    user = await rows.add(session, User(**known, sso_provider="demo", sso_id=name))
    conversation = await rows.add(session, Conversation(user_id=user.id, title="Formative assessment"))
    answer = "Begin with one question that every student answers before leaving."
    cited = {"citations": [{"source": "Exit tickets", "page": 12}], "domains": ["assessment"]}
    said: tuple[dict[str, Any], ...] = (
        {"role": "user", "content": "How do we check for understanding?"},
        {"role": "assistant", "content": answer, "input_tokens": 120, "output_tokens": 48, **cited},
    )
    for place, values in enumerate(said):
        message = await rows.add(session, Message(conversation_id=conversation.id, **values))
        direction = [float(dimension == place) for dimension in range(DIMENSIONS)]
        session.add(MessageEmbedding(message_id=message.id, embedding=direction))
    return user


def examples(settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield a title and a curl line for each example; `url` is the service's (`http://127.0.0.1:8000/plc-coach`)."""
    ask = Examples(url, session_ids(settings))
    yield ask.ready
    if settings.jwt_secret is None:
        return
    yield "Who am I?", ask.line("/sessions/current", "ravi")
    yield "An educator's own conversations", ask.line("/conversations", "ravi")
    yield "A coach sees all conversations of the organisation", ask.line("/conversations", "rosa")
    yield "Another organisation sees only its own conversations", ask.line("/conversations", "hana")
    yield "Begin a conversation", ask.line("/conversations", "ravi", {"title": "Lesson study"})
    assertion = issue_assertion(settings, "rhea", RIVERSIDE, email="rhea@demo.example", name="Rhea")
    yield "Sign in; the assertion works once, within a minute", ask.line("/identity", body={"assertion": assertion})


def _derive_id(secret: SecretStr, name: str) -> uuid.UUID:
    """Return the id for `name` and this secret: the same at every start, and unknown without the secret."""
    digest = hmac.digest(secret.get_secret_value().encode(), name.encode(), hashlib.sha256)
    return uuid.UUID(bytes=digest[:16], version=4)
