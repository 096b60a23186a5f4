"""Criterion 1: what the tables refuse, what goes with what, and what citations can be asked."""

from __future__ import annotations

import json
import uuid
from decimal import Decimal

import asyncpg
import pytest

ORGANIZATION, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)
USER, CONVERSATION, MESSAGE = uuid.UUID(int=0x10), uuid.UUID(int=0x20), uuid.UUID(int=0x30)
AXIS = "[" + ",".join(["1", *["0"] * 383]) + "]"

ROWS = f"""
    INSERT INTO users (organization_id, id, email, name, role, sso_provider, sso_id)
        VALUES ('{ORGANIZATION}', '{USER}', 'ravi@school.example', 'Ravi', 'educator', 'google', '1');
    INSERT INTO sessions (organization_id, user_id, expires_at) VALUES ('{ORGANIZATION}', '{USER}', now());
    INSERT INTO conversations (organization_id, id, user_id, title, share_token)
        VALUES ('{ORGANIZATION}', '{CONVERSATION}', '{USER}', 'T', 'token');
    INSERT INTO messages (organization_id, id, conversation_id, role, content)
        VALUES ('{ORGANIZATION}', '{MESSAGE}', '{CONVERSATION}', 'user', 'C');
    INSERT INTO message_embeddings (organization_id, message_id, embedding)
        VALUES ('{ORGANIZATION}', '{MESSAGE}', '{AXIS}');
"""

USERS = "INSERT INTO users (organization_id, email, name, role, sso_provider, sso_id) VALUES"
CONVERSATIONS = "INSERT INTO conversations (organization_id, user_id, title, status, share_token, share_enabled) VALUES"
MESSAGES = "INSERT INTO messages (organization_id, conversation_id, role, content, feedback_score, cost_usd) VALUES"

# By constraint: a statement that it refuses, with the SQLSTATE.
REFUSED = {
    "idx_users_email": ("23505", f"{USERS} ('{OTHER}', 'ravi@school.example', 'R', 'coach', NULL, NULL)"),
    "ck_users_role": ("23514", f"{USERS} ('{ORGANIZATION}', 'a@b.example', 'A', 'student', NULL, NULL)"),
    "ck_users_email_lower": ("23514", f"{USERS} ('{ORGANIZATION}', 'A@b.example', 'A', 'coach', NULL, NULL)"),
    "ck_users_sso": ("23514", f"{USERS} ('{ORGANIZATION}', 'a@b.example', 'A', 'coach', 'google', NULL)"),
    "uq_users_organization_id_sso_provider_sso_id": (
        "23505",
        f"{USERS} ('{ORGANIZATION}', 'a@b.example', 'A', 'coach', 'google', '1')",
    ),
    "fk_sessions_organization_id_user_id_users": (
        "23503",
        f"INSERT INTO sessions (organization_id, user_id, expires_at) VALUES ('{OTHER}', '{USER}', now())",
    ),
    "ck_conversations_status": ("23514", f"{CONVERSATIONS} ('{ORGANIZATION}', '{USER}', 'T', 'gone', NULL, false)"),
    "ck_conversations_share": ("23514", f"{CONVERSATIONS} ('{ORGANIZATION}', '{USER}', 'T', 'active', NULL, true)"),
    "idx_conversations_share_token": (
        "23505",
        f"{CONVERSATIONS} ('{ORGANIZATION}', '{USER}', 'T', 'active', 'token', false)",
    ),
    "fk_conversations_organization_id_user_id_users": (
        "23503",
        f"{CONVERSATIONS} ('{OTHER}', '{USER}', 'T', 'active', NULL, false)",
    ),
    "ck_messages_role": ("23514", f"{MESSAGES} ('{ORGANIZATION}', '{CONVERSATION}', 'tool', 'C', NULL, 0)"),
    "ck_messages_feedback_score": ("23514", f"{MESSAGES} ('{ORGANIZATION}', '{CONVERSATION}', 'user', 'C', 6, 0)"),
    "ck_messages_counts": ("23514", f"{MESSAGES} ('{ORGANIZATION}', '{CONVERSATION}', 'user', 'C', NULL, -1)"),
    "fk_messages_organization_id_conversation_id_conversations": (
        "23503",
        f"{MESSAGES} ('{OTHER}', '{CONVERSATION}', 'user', 'C', NULL, 0)",
    ),
    "fk_message_embeddings_organization_id_message_id_messages": (
        "23503",
        f"UPDATE message_embeddings SET organization_id = '{OTHER}'",
    ),
    "ck_message_embeddings_direction": (
        "23514",
        "UPDATE message_embeddings SET embedding = array_fill(0::real, ARRAY[384])::vector",
    ),
}
# Keys, which their own indexes refuse twice; each is a primary key or the target of a reference.
KEYS = {
    *(f"pk_{table}" for table in ("users", "conversations", "messages", "message_embeddings")),
    "idx_sessions_id",
    *(f"uq_{table}_organization_id_id" for table in ("users", "conversations", "messages")),
    "pk_identity_assertions",
}


@pytest.fixture(autouse=True)
async def _rows(superuser: asyncpg.Connection) -> None:
    await superuser.execute(ROWS)


@pytest.mark.parametrize("constraint", REFUSED)
async def test_a_constraint_refuses(superuser: asyncpg.Connection, constraint: str) -> None:
    """Criterion 1: each by its name and SQLSTATE."""
    state, statement = REFUSED[constraint]
    with pytest.raises(asyncpg.IntegrityConstraintViolationError) as caught:
        await superuser.execute(statement)
    found = caught.value.constraint_name
    # A partition's copy of a reference has the partition's own name for it.
    assert caught.value.sqlstate == state
    assert found == constraint or found.startswith(constraint.split("_organization", maxsplit=1)[0])


async def test_no_constraint_is_left_out(superuser: asyncpg.Connection) -> None:
    query = """
        SELECT conname::text FROM pg_constraint
        WHERE connamespace = 2200 AND contype IN ('p', 'u', 'c', 'f') AND conparentid = 0
          AND conrelid <> 'alembic_version'::regclass
          AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = conrelid AND c.relispartition)
    """
    found = {name for (name,) in await superuser.fetch(query)}
    assert found == {*(name for name in REFUSED if not name.startswith("idx_")), *KEYS}


@pytest.mark.parametrize(
    ("table", "left"),
    [
        ("users", {"sessions": 0, "conversations": 0, "messages": 0, "message_embeddings": 0}),
        ("conversations", {"users": 1, "sessions": 1, "messages": 0, "message_embeddings": 0}),
        ("messages", {"users": 1, "conversations": 1, "message_embeddings": 0}),
    ],
)
async def test_a_row_takes_along_what_belongs_to_it(
    superuser: asyncpg.Connection, table: str, left: dict[str, int]
) -> None:
    """Criterion 1: sessions and conversations with a user, messages with a conversation; for the owner too."""
    await superuser.execute("SET ROLE plc_coach_owner")
    await superuser.execute(f"DELETE FROM {table}")
    for other, count in left.items():
        assert await superuser.fetchval(f"SELECT count(*) FROM {other}") == count


async def test_a_cascade_stays_within_the_organisation(superuser: asyncpg.Connection) -> None:
    """The same ids in another organisation would not even be reached: references carry the organisation."""
    await superuser.execute(f"{USERS} ('{OTHER}', 'hana@school.example', 'Hana', 'educator', 'google', '1')")
    await superuser.execute("DELETE FROM users WHERE email = 'hana@school.example'")
    assert await superuser.fetchval("SELECT count(*) FROM conversations") == 1


async def test_citations_answer_the_operators_of_jsonb(superuser: asyncpg.Connection) -> None:
    """Criterion 1: containment, keys, paths and elements, on a nested structure that no migration had to foresee."""
    citations = [{"source": "Wiliam", "page": 12, "parts": [{"line": 3}]}, {"source": "Hattie", "page": 7}]
    await superuser.execute("UPDATE messages SET citations = $1", json.dumps(citations))
    asked = {
        """citations @> '[{"source": "Hattie"}]'""": True,
        """citations @> '[{"source": "Nobody"}]'""": False,
        "citations -> 0 ? 'parts'": True,
        "citations -> 1 ? 'parts'": False,
        "citations -> 0 ->> 'source' = 'Wiliam'": True,
        "citations #>> '{0,parts,0,line}' = '3'": True,
        "jsonb_array_length(citations) = 2": True,
        "jsonb_path_exists(citations, '$[*] ? (@.page > 10)')": True,
        "citations @? '$[*].parts[*].line'": True,
    }
    for expression, wanted in asked.items():
        assert await superuser.fetchval(f"SELECT {expression} FROM messages") is wanted, expression
    sources = "SELECT item ->> 'source' FROM messages, jsonb_array_elements(citations) AS item ORDER BY 1"
    assert [name for (name,) in await superuser.fetch(sources)] == ["Hattie", "Wiliam"]


async def test_domains_and_costs_are_exact(superuser: asyncpg.Connection) -> None:
    await superuser.execute("UPDATE messages SET domains = ARRAY['assessment', 'culture'], cost_usd = 0.1 + 0.2")
    assert await superuser.fetchval("SELECT 'culture' = ANY (domains) FROM messages")
    assert await superuser.fetchval("SELECT cost_usd FROM messages") == Decimal("0.300000")
