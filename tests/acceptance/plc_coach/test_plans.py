"""Criterion 3: each named index serves its query, in the application's role, under row security, as it is sent."""

from __future__ import annotations

import uuid

import asyncpg
import pytest
from plans import plan_of
from sqlalchemy import delete, func, select

from plc_coach.models import Conversation, Message, User, UserSession
from tenantry import Database

# Enough that a sequential scan would lose: 40 organisations with 50 users each.
ORGANIZATIONS, USERS = 40, 50
FILL = f"""
    INSERT INTO users (organization_id, id, email, name)
        SELECT md5('o' || o)::uuid, md5('u' || o || '-' || u)::uuid, 'u' || u || '@o' || o || '.example', 'U'
        FROM generate_series(1, {ORGANIZATIONS}) AS o, generate_series(1, {USERS}) AS u;
    INSERT INTO sessions (organization_id, user_id, id, expires_at)
        SELECT organization_id, id, md5('s' || id || n)::uuid, now() + make_interval(mins => n * 10 - 5)
        FROM users, generate_series(0, 9) AS n;
    INSERT INTO conversations (organization_id, user_id, id, title, share_token, created_at)
        SELECT organization_id, id, md5('c' || id || n)::uuid, 'T', md5('t' || id || n), now() - n * interval '1 min'
        FROM users, generate_series(1, 5) AS n;
    INSERT INTO messages (organization_id, conversation_id, role, content, created_at)
        SELECT organization_id, id, 'user', 'C', now() + make_interval(secs => n)
        FROM conversations, generate_series(1, 4) AS n;
"""
ORGANIZATION = "md5('o7')::uuid"
USER = "md5('u7-3')::uuid"


@pytest.fixture
async def filled(superuser: asyncpg.Connection, database: Database) -> Database:
    await superuser.execute(FILL)
    await superuser.execute("VACUUM ANALYZE users, sessions, conversations, messages")
    return database


@pytest.fixture
async def ids(filled: Database, superuser: asyncpg.Connection) -> dict[str, uuid.UUID]:
    """An organisation, one of its users, a session and a conversation of that user."""
    query = f"""
        SELECT {ORGANIZATION} AS organization, {USER} AS user,
               (SELECT id FROM sessions WHERE user_id = {USER} ORDER BY expires_at DESC LIMIT 1) AS session,
               (SELECT id FROM conversations WHERE user_id = {USER} LIMIT 1) AS conversation
    """
    return dict(await superuser.fetchrow(query))


async def test_ac3_idx_users_email_finds_who_signs_in(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    """Criterion 3: within the organisation."""
    async with filled.tenant(ids["organization"], read_only=True) as session:
        plan = await plan_of(session, select(User).where(User.email == "u3@o7.example"))
    assert "Index Scan using idx_users_email" in plan
    assert "Index Cond: ((email)::text" in plan


async def test_ac3_idx_sessions_id_answers_by_itself(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    """Criterion 3: what the story's index was for: a session that has not expired, by its id, from the index alone."""
    statement = select(UserSession.id).where(UserSession.id == ids["session"], UserSession.expires_at > func.now())
    async with filled.tenant(ids["organization"], read_only=True) as session:
        plan = await plan_of(session, statement)
        assert await session.scalar(statement) == ids["session"]
    assert "Index Only Scan using idx_sessions_id on sessions" in plan
    assert "Index Cond: (id = " in plan
    assert "(expires_at > now())" in plan


async def test_ac3_the_lookup_of_a_session_uses_it_too(
    filled: Database, ids: dict[str, uuid.UUID], superuser: asyncpg.Connection
) -> None:
    """Criterion 3: before the organisation is known: the function's own query, in the role that it runs in."""
    await superuser.execute("SET ROLE plc_coach_owner")
    query = "SELECT t.organization_id, t.id FROM public.sessions AS t WHERE t.id = $1 AND (t.expires_at > now())"
    rows = await superuser.fetch(f"EXPLAIN (COSTS OFF) {query}", ids["session"])
    assert "Index Only Scan using idx_sessions_id" in "\n".join(row[0] for row in rows)
    assert await filled.find_tenant(UserSession, id=ids["session"]) == (ids["organization"], ids["session"])


async def test_an_index_cannot_ask_for_the_time(superuser: asyncpg.Connection) -> None:
    """Criterion 3: why the story's partial index does not exist: its predicate is not immutable (docs/decisions)."""
    with pytest.raises(asyncpg.InvalidObjectDefinitionError) as caught:
        await superuser.execute("CREATE INDEX partial ON sessions (id) WHERE expires_at > now()")
    assert caught.value.sqlstate == "42P17"


async def test_ac3_the_expired_are_found_by_their_time(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    """Criterion 3: what the removal at each sign-in asks, where few have expired."""
    async with filled.tenant(ids["organization"]) as session:
        long_ago = func.now() - func.make_interval(0, 0, 0, 0, 0, 4)
        plan = await plan_of(session, delete(UserSession).where(UserSession.expires_at <= long_ago))
    assert "idx_sessions_expires_at" in plan


async def test_ac3_idx_conversations_user_finds_a_users(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    """Criterion 3: in the order and page of the API's listing."""
    keys = (Conversation.created_at.desc(), Conversation.id.desc())
    statement = select(Conversation).where(Conversation.user_id == ids["user"]).order_by(*keys).limit(51)
    async with filled.tenant(ids["organization"], read_only=True) as session:
        plan = await plan_of(session, statement)
    assert "idx_conversations_user" in plan
    assert "Index Cond: (user_id = " in plan


async def test_a_coachs_listing_reads_a_page_and_no_more(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    keys = (Conversation.created_at.desc(), Conversation.id.desc())
    async with filled.tenant(ids["organization"], read_only=True) as session:
        plan = await plan_of(session, select(Conversation).order_by(*keys).limit(11), analyze=True)
    assert "ix_conversations_organization_id_created_at_id" in plan
    assert "Sort" not in plan


async def test_ac3_idx_messages_conversation_finds_a_conversations(filled: Database, ids: dict[str, uuid.UUID]) -> None:
    """Criterion 3: in the order of the API's listing; ids only settle what has the same time."""
    keys = (Message.created_at, Message.id)
    statement = select(Message).where(Message.conversation_id == ids["conversation"]).order_by(*keys).limit(51)
    async with filled.tenant(ids["organization"], read_only=True) as session:
        plan = await plan_of(session, statement)
    assert "idx_messages_conversation" in plan
    assert "Index Cond: (conversation_id = " in plan


async def test_ac3_the_share_token_leads_to_its_conversation(
    filled: Database, ids: dict[str, uuid.UUID], superuser: asyncpg.Connection
) -> None:
    """Criterion 3: by the index that keeps it unique, in the role that the lookup runs in."""
    await superuser.execute("SET ROLE plc_coach_owner")
    query = "SELECT t.organization_id, t.id FROM public.conversations AS t WHERE t.share_token = $1 AND t.share_enabled"
    rows = await superuser.fetch(f"EXPLAIN (COSTS OFF) {query}", "token")
    assert "Index Scan using idx_conversations_share_token" in "\n".join(row[0] for row in rows)


@pytest.mark.parametrize(("parent", "child"), [("users", "sessions"), ("users", "conversations")])
async def test_a_cascade_finds_its_rows_by_an_index(
    filled: Database, superuser: asyncpg.Connection, parent: str, child: str
) -> None:
    """What the server asks for each user that goes."""
    await superuser.execute("SET ROLE plc_coach_owner")
    query = f"DELETE FROM ONLY {child} WHERE organization_id = {ORGANIZATION} AND user_id = {USER}"
    rows = await superuser.fetch(f"EXPLAIN (COSTS OFF) {query}")
    assert "Index" in "\n".join(row[0] for row in rows)
