"""Users, sessions, conversations and messages, with the extension for vectors.

Revision: 20251113010000
Follows:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "20251113010000"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("now()")
NONE = sa.text("0")


def upgrade() -> None:
    # First of all: a server without it is told so before anything is made.
    op.create_extension("vector")
    op.create_table(
        "users",
        new_id(),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role", sa.String(20), server_default="educator", nullable=False),
        organization_id(),
        sa.Column("sso_provider", sa.String(50), nullable=True),
        sa.Column("sso_id", sa.String(255), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("last_login", MOMENT, nullable=True),
        sa.CheckConstraint("role IN ('educator', 'coach', 'admin')", name=op.f("ck_users_role")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_users_email_lower")),
        sa.CheckConstraint("(sso_provider IS NULL) = (sso_id IS NULL)", name=op.f("ck_users_sso")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("organization_id", "id", name="uq_users_organization_id_id"),
        sa.UniqueConstraint(
            "organization_id", "sso_provider", "sso_id", name="uq_users_organization_id_sso_provider_sso_id"
        ),
    )
    op.create_index("idx_users_email", "users", ["email"], unique=True)
    op.create_table(
        "sessions",
        new_id(),
        organization_id(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("last_accessed_at", MOMENT, server_default=NOW, nullable=False),
        belongs_to("users", "user_id", name="fk_sessions_organization_id_user_id_users"),
        # The story's index, without its predicate: no index may ask for the time.
        sa.PrimaryKeyConstraint("id", name="idx_sessions_id", postgresql_include=["expires_at", "organization_id"]),
    )
    op.create_index("ix_sessions_organization_id_user_id", "sessions", ["organization_id", "user_id"])
    op.create_index("idx_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "conversations",
        new_id(),
        organization_id(),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("status", sa.String(20), server_default="active", nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("share_token", sa.String(64), nullable=True),
        sa.Column("share_enabled", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("status IN ('active', 'archived')", name=op.f("ck_conversations_status")),
        sa.CheckConstraint("NOT share_enabled OR share_token IS NOT NULL", name=op.f("ck_conversations_share")),
        belongs_to("users", "user_id", name="fk_conversations_organization_id_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
        sa.UniqueConstraint("organization_id", "id", name="uq_conversations_organization_id_id"),
    )
    op.create_index(
        "ix_conversations_organization_id_created_at_id", "conversations", ["organization_id", "created_at", "id"]
    )
    op.create_index("idx_conversations_user", "conversations", ["user_id"])
    op.create_index("idx_conversations_share_token", "conversations", ["share_token"], unique=True)
    op.create_function(
        "update_updated_at_column",
        body="\nBEGIN\n    NEW.updated_at = clock_timestamp();\n    RETURN NEW;\nEND;\n",
        search_path="pg_catalog",
    )
    op.create_trigger("trigger_conversations_updated_at", "conversations", function="update_updated_at_column")
    op.create_table(
        "messages",
        new_id(),
        organization_id(),
        sa.Column("conversation_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("citations", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("domains", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
        sa.Column("feedback_score", sa.Integer(), nullable=True),
        sa.Column("input_tokens", sa.Integer(), server_default=NONE, nullable=False),
        sa.Column("output_tokens", sa.Integer(), server_default=NONE, nullable=False),
        sa.Column("cost_usd", sa.Numeric(12, 6), server_default=NONE, nullable=False),
        sa.Column("created_at", MOMENT, server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.CheckConstraint("role IN ('user', 'assistant', 'system')", name=op.f("ck_messages_role")),
        sa.CheckConstraint("feedback_score BETWEEN 1 AND 5", name=op.f("ck_messages_feedback_score")),
        sa.CheckConstraint(
            "input_tokens >= 0 AND output_tokens >= 0 AND cost_usd >= 0", name=op.f("ck_messages_counts")
        ),
        belongs_to(
            "conversations", "conversation_id", name="fk_messages_organization_id_conversation_id_conversations"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("organization_id", "id", name="uq_messages_organization_id_id"),
    )
    op.create_index("idx_messages_conversation", "messages", ["conversation_id", "created_at"])


def new_id() -> sa.Column[object]:
    return sa.Column("id", sa.Uuid(), server_default=sa.text("gen_random_uuid()"), nullable=False)


def organization_id() -> sa.Column[object]:
    bound = sa.text("(NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid")
    return sa.Column("organization_id", sa.Uuid(), server_default=bound, nullable=False)


def belongs_to(table: str, column: str, *, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["organization_id", column], [f"{table}.organization_id", f"{table}.id"], name=name, ondelete="CASCADE"
    )


def downgrade() -> None:
    for table in ("messages", "conversations", "sessions", "users"):
        op.drop_table(table)
    op.drop_function("update_updated_at_column")
    op.drop_extension("vector")
