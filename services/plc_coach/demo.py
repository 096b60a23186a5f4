"""Two organisations with a coach and educators who have a conversation each, and the requests worth trying.

Everything here is made up; `seed` is for a database that serves demonstrations alone. The ids of its sessions follow
from the secret of the settings, so that they open no other demonstration.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from plc_coach.models import DIMENSIONS, Conversation, Message, MessageEmbedding, User, UserSession
from plc_coach.settings import Settings
from tenantry import Database, TenantSession
from tenantry.web.assertions import issue_assertion
from tenantry.web.examples import curl

__all__ = ["ORGANIZATIONS", "examples", "seed", "session_ids"]

RIVERSIDE, HILLTOP = uuid.UUID(int=0x0147 << 64), uuid.UUID(int=0x0411 << 64)
# The users of each organisation, with their roles.
ORGANIZATIONS = {RIVERSIDE: {"rosa": "coach", "ravi": "educator"}, HILLTOP: {"hana": "educator"}}


def session_ids(settings: Settings) -> dict[str, uuid.UUID]:
    """Return the id of each demonstration user's session; none where no secret is there to derive it from."""
    if settings.jwt_secret is None:
        return {}
    secret = settings.jwt_secret.get_secret_value().encode()
    names = [name for users in ORGANIZATIONS.values() for name in users]
    return {name: uuid.UUID(bytes=hmac.digest(secret, name.encode(), hashlib.sha256)[:16], version=4) for name in names}


async def seed(database: Database) -> None:
    """Put in the demonstration organisations where they are not there yet, and let their sessions go on."""
    assert isinstance(database.settings, Settings)
    sessions, until = session_ids(database.settings), {"expires_at": func.now() + timedelta(days=30)}
    for organization, users in ORGANIZATIONS.items():
        async with database.tenant(organization) as session:
            for name, role in users.items():
                user = await session.scalar(select(User).where(User.sso_id == name)) or await _add(session, name, role)
                if name in sessions:
                    begun = insert(UserSession).values(id=sessions[name], user_id=user.id, **until)
                    await session.execute(begun.on_conflict_do_update(index_elements=["id"], set_=until))


async def _add(session: TenantSession, name: str, role: str) -> User:
    user = User(email=f"{name}@demo.example", name=name.title(), role=role, sso_provider="demo", sso_id=name)
    session.add(user)
    await session.flush()
    conversation = Conversation(user_id=user.id, title="Formative assessment")
    session.add(conversation)
    await session.flush()
    answer = "Begin with one question that every student answers before leaving."
    cited = {"citations": [{"source": "Exit tickets", "page": 12}], "domains": ["assessment"]}
    said: tuple[dict[str, Any], ...] = (
        {"role": "user", "content": "How do we check for understanding?"},
        {"role": "assistant", "content": answer, "input_tokens": 120, "output_tokens": 48, **cited},
    )
    for place, values in enumerate(said):
        message = Message(conversation_id=conversation.id, **values)
        session.add(message)
        await session.flush()
        direction = [float(dimension == place) for dimension in range(DIMENSIONS)]
        session.add(MessageEmbedding(message_id=message.id, embedding=direction))
    return user


def examples(settings: Settings, url: str) -> Iterator[tuple[str, str]]:
    """Yield what is worth trying at `url`, the service's own (`http://127.0.0.1:8000/plc-coach`): title, curl line."""
    bearer = {name: {"Authorization": f"Bearer {one}"} for name, one in session_ids(settings).items()}
    yield "Is it ready, and the database connected?", curl(f"{url}/health/ready")
    if not bearer:
        return
    yield "Who am I?", curl(f"{url}/sessions/current", bearer["ravi"])
    yield "An educator's own conversations", curl(f"{url}/conversations", bearer["ravi"])
    yield "A coach sees those of the organisation", curl(f"{url}/conversations", bearer["rosa"])
    yield "Another organisation sees its own only", curl(f"{url}/conversations", bearer["hana"])
    yield "Begin a conversation", curl(f"{url}/conversations", bearer["ravi"], {"title": "Lesson study"})
    assertion = issue_assertion(settings, "rhea", RIVERSIDE, email="rhea@demo.example", name="Rhea")
    yield "Sign in, once and within a minute", curl(f"{url}/identity", body={"assertion": assertion})
