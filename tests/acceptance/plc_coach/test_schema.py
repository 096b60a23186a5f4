"""Criteria 1 to 3: tables, indexes and the extension are what the story lists, read from the catalog."""

from __future__ import annotations

import asyncpg
import pytest

ID = ("uuid", False, "gen_random_uuid()")
TENANT = ("uuid", False, "(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid")
NOW = ("timestamp with time zone", False, "now()")
MOMENT = ("timestamp with time zone", False, None)
LINK = ("uuid", False, None)

# Column: type, whether NULL is allowed, default. The story's columns in the story's order, with the organisation.
COLUMNS = {
    "users": {
        "id": ID,
        "email": ("character varying(254)", False, None),
        "name": ("character varying(255)", False, None),
        "role": ("character varying(20)", False, "'educator'::character varying"),
        "organization_id": TENANT,
        "sso_provider": ("character varying(50)", True, None),
        "sso_id": ("character varying(255)", True, None),
        "created_at": NOW,
        "last_login": ("timestamp with time zone", True, None),
    },
    "sessions": {
        "id": ID,
        "organization_id": TENANT,
        "user_id": LINK,
        "expires_at": MOMENT,
        "created_at": NOW,
        "last_accessed_at": NOW,
    },
    "conversations": {
        "id": ID,
        "organization_id": TENANT,
        "user_id": LINK,
        "title": ("character varying(255)", False, None),
        "status": ("character varying(20)", False, "'active'::character varying"),
        "created_at": NOW,
        "updated_at": NOW,
        "share_token": ("character varying(64)", True, None),
        "share_enabled": ("boolean", False, "false"),
    },
    "messages": {
        "id": ID,
        "organization_id": TENANT,
        "conversation_id": LINK,
        "role": ("character varying(20)", False, None),
        "content": ("text", False, None),
        "citations": ("jsonb", False, "'[]'::jsonb"),
        "domains": ("text[]", False, "'{}'::text[]"),
        "feedback_score": ("integer", True, None),
        "input_tokens": ("integer", False, "0"),
        "output_tokens": ("integer", False, "0"),
        "cost_usd": ("numeric(12,6)", False, "0"),
        "created_at": ("timestamp with time zone", False, "clock_timestamp()"),
    },
    "message_embeddings": {
        "organization_id": TENANT,
        "message_id": LINK,
        "embedding": ("vector(384)", False, None),
        "created_at": NOW,
    },
    "identity_assertions": {
        "organization_id": TENANT,
        "id": ("character varying(200)", False, None),
        "expires_at": MOMENT,
    },
}

# Index: unique, method, key columns.
INDEXES = {
    "users": {
        "pk_users": (True, "btree", "id"),
        "uq_users_organization_id_id": (True, "btree", "organization_id, id"),
        "uq_users_organization_id_sso_provider_sso_id": (True, "btree", "organization_id, sso_provider, sso_id"),
        "idx_users_email": (True, "btree", "email"),
    },
    "sessions": {
        "ix_sessions_organization_id_user_id": (False, "btree", "organization_id, user_id"),
        "idx_sessions_id": (True, "btree", "id"),
        "idx_sessions_expires_at": (False, "btree", "expires_at"),
    },
    "conversations": {
        "pk_conversations": (True, "btree", "id"),
        "uq_conversations_organization_id_id": (True, "btree", "organization_id, id"),
        "ix_conversations_organization_id_created_at_id": (False, "btree", "organization_id, created_at, id"),
        "idx_conversations_user": (False, "btree", "user_id"),
        "idx_conversations_share_token": (True, "btree", "share_token"),
    },
    "messages": {
        "pk_messages": (True, "btree", "id"),
        "uq_messages_organization_id_id": (True, "btree", "organization_id, id"),
        "idx_messages_conversation": (False, "btree", "conversation_id, created_at"),
    },
    "message_embeddings": {
        "pk_message_embeddings": (True, "btree", "organization_id, message_id"),
        "idx_message_embeddings_embedding": (False, "hnsw", "embedding"),
    },
    "identity_assertions": {"pk_identity_assertions": (True, "btree", "organization_id, id")},
}

READ_COLUMNS = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
READ_INDEXES = """
    SELECT i.indexrelid::regclass::text, i.indisunique, am.amname::text,
           (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n)
            FROM generate_series(1, i.indnkeyatts) AS n)
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS am ON am.oid = c.relam
    WHERE i.indrelid = $1::text::regclass AND i.indisvalid
"""
PARTITIONS = """
    SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity,
           array(SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege
                 WHERE has_table_privilege('plc_coach_app', c.oid, privilege)),
           (SELECT count(*) FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid
            JOIN pg_am AS am ON am.oid = x.relam WHERE i.indrelid = c.oid AND am.amname = 'hnsw' AND i.indisvalid)
    FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid
    WHERE h.inhparent = 'message_embeddings'::regclass
"""


@pytest.mark.parametrize("table", COLUMNS)
async def test_ac1_the_columns_are_the_storys(superuser: asyncpg.Connection, table: str) -> None:
    """Criterion 1: names, order, types, nullability and defaults; times know their zone."""
    found = [tuple(row) for row in await superuser.fetch(READ_COLUMNS, table)]
    assert found == [(name, *facts) for name, facts in COLUMNS[table].items()]


async def test_ac1_keys_are_random_uuids(superuser: asyncpg.Connection) -> None:
    """Criterion 1: of version 4, by the database."""
    assert await superuser.fetchval("SELECT substr(gen_random_uuid()::text, 15, 1)") == "4"


async def test_ac2_the_extension_is_installed(superuser: asyncpg.Connection) -> None:
    """Criterion 2: by the migration, and in a version that goes on scanning where rows are filtered out (0.8)."""
    version = await superuser.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    assert tuple(int(part) for part in version.split(".")) >= (0, 8)


@pytest.mark.parametrize("table", INDEXES)
async def test_ac3_the_indexes_are_the_storys(superuser: asyncpg.Connection, table: str) -> None:
    """Criterion 3: with those that isolation needs; each is valid."""
    found = {name: tuple(facts) for name, *facts in await superuser.fetch(READ_INDEXES, table)}
    assert found == INDEXES[table]


async def test_there_are_no_other_tables(superuser: asyncpg.Connection) -> None:
    query = "SELECT relname::text FROM pg_class WHERE relnamespace = 2200 AND relkind IN ('r', 'p', 'v', 'm', 'f')"
    found = {name for (name,) in await superuser.fetch(f"{query} AND NOT relispartition")}
    assert found == {*COLUMNS, "alembic_version"}


async def test_every_partition_is_protected_and_has_its_own_index(superuser: asyncpg.Connection) -> None:
    """32 of them: row security forced, nothing granted, an HNSW each."""
    rows = await superuser.fetch(PARTITIONS)
    assert {row[0] for row in rows} == {f"message_embeddings_p{number:02}" for number in range(32)}
    assert {(row[1], tuple(row[2]), row[3]) for row in rows} == {(True, (), 1)}
