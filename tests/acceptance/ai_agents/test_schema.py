"""Criterion 3: the tables are exactly those that the story lists, read from the catalog; the list is by hand."""

from __future__ import annotations

import asyncpg
import pytest

TENANT = "NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)"

# Column: type, whether NULL is allowed, default.
COLUMNS = {
    "tenant_configs": {
        "id": ("uuid", False, "gen_random_uuid()"),
        "tenant_id": ("character varying(100)", False, None),
        "name": ("character varying(255)", False, None),
        "servicedesk_url": ("character varying(500)", False, None),
        "servicedesk_api_key_encrypted": ("text", False, None),
        "webhook_signing_secret_encrypted": ("text", False, None),
        "enhancement_preferences": ("json", False, "'{}'::json"),
        "created_at": ("timestamp with time zone", False, "now()"),
        "updated_at": ("timestamp with time zone", False, "now()"),
    },
    "enhancement_history": {
        "id": ("uuid", False, "gen_random_uuid()"),
        "tenant_id": ("character varying(100)", False, TENANT),
        "ticket_id": ("character varying(100)", False, None),
        "status": ("character varying(50)", False, None),
        "context_gathered": ("json", True, None),
        "llm_output": ("text", True, None),
        "error_message": ("text", True, None),
        "processing_time_ms": ("integer", True, None),
        "created_at": ("timestamp with time zone", False, "now()"),
        "completed_at": ("timestamp with time zone", True, None),
    },
    "webhook_deliveries": {
        "tenant_id": ("character varying(100)", False, TENANT),
        "delivery_id": ("character varying(200)", False, None),
        "received_at": ("timestamp with time zone", False, "now()"),
    },
}

# Index: unique, columns.
INDEXES = {
    "tenant_configs": {
        "pk_tenant_configs": (True, "id"),
        "ix_tenant_configs_tenant_id": (True, "tenant_id"),
    },
    "enhancement_history": {
        "pk_enhancement_history": (True, "id"),
        "ix_enhancement_history_tenant_id": (False, "tenant_id"),
        "ix_enhancement_history_ticket_id": (False, "ticket_id"),
        "ix_enhancement_history_status": (False, "status"),
        "ix_enhancement_history_tenant_id_ticket_id": (False, "tenant_id, ticket_id"),
    },
    "webhook_deliveries": {"pk_webhook_deliveries": (True, "tenant_id, delivery_id")},
}

READ_COLUMNS = """
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
READ_INDEXES = """
    SELECT i.indexrelid::regclass::text, i.indisunique,
           (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n)
            FROM generate_series(1, i.indnatts) AS n)
    FROM pg_index AS i WHERE i.indrelid = $1::text::regclass
"""


@pytest.mark.parametrize("table", COLUMNS)
async def test_the_columns_are_the_storys(superuser: asyncpg.Connection, table: str) -> None:
    """Criterion 3: names, order, types, nullability and defaults."""
    found = [tuple(row) for row in await superuser.fetch(READ_COLUMNS, table)]
    assert found == [(name, *facts) for name, facts in COLUMNS[table].items()]


@pytest.mark.parametrize("table", INDEXES)
async def test_the_indexes_are_the_storys(superuser: asyncpg.Connection, table: str) -> None:
    """Criterion 3: those that the story lists, with those that isolation needs."""
    found = {name: (unique, columns) for name, unique, columns in await superuser.fetch(READ_INDEXES, table)}
    assert found == INDEXES[table]


async def test_there_are_no_other_tables(superuser: asyncpg.Connection) -> None:
    rows = await superuser.fetch("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
    assert {name for (name,) in rows} == {*COLUMNS, "alembic_version"}
