"""Tables of tenants' configurations and of the history of enhancements.

Revision: 0001
Follows:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NEW_ID = sa.text("gen_random_uuid()")
TENANT = sa.text("NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text)")
NOW = sa.text("now()")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tenant_configs",
        sa.Column("id", sa.Uuid(), server_default=NEW_ID, nullable=False),
        sa.Column("tenant_id", sa.String(100), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("servicedesk_url", sa.String(500), nullable=False),
        sa.Column("servicedesk_api_key_encrypted", sa.Text(), nullable=False),
        sa.Column("webhook_signing_secret_encrypted", sa.Text(), nullable=False),
        sa.Column("enhancement_preferences", sa.JSON(), server_default=sa.text("'{}'::json"), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("updated_at", MOMENT, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenant_configs"),
    )
    op.create_index("ix_tenant_configs_tenant_id", "tenant_configs", ["tenant_id"], unique=True)
    op.create_function(
        "update_updated_at_column",
        body="\nBEGIN\n    NEW.updated_at = clock_timestamp();\n    RETURN NEW;\nEND;\n",
        search_path="pg_catalog",
    )
    op.create_trigger("trigger_tenant_configs_updated_at", "tenant_configs", function="update_updated_at_column")
    op.create_table(
        "enhancement_history",
        sa.Column("id", sa.Uuid(), server_default=NEW_ID, nullable=False),
        sa.Column("tenant_id", sa.String(100), server_default=TENANT, nullable=False),
        sa.Column("ticket_id", sa.String(100), nullable=False),
        sa.Column("status", sa.String(50), nullable=False),
        sa.Column("context_gathered", sa.JSON(), nullable=True),
        sa.Column("llm_output", sa.Text(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("processing_time_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("completed_at", MOMENT, nullable=True),
        sa.CheckConstraint("status IN ('pending', 'completed', 'failed')", name=op.f("ck_enhancement_history_status")),
        sa.PrimaryKeyConstraint("id", name="pk_enhancement_history"),
    )
    op.create_index("ix_enhancement_history_tenant_id", "enhancement_history", ["tenant_id"])
    op.create_index("ix_enhancement_history_ticket_id", "enhancement_history", ["ticket_id"])
    op.create_index("ix_enhancement_history_status", "enhancement_history", ["status"])
    op.create_index("ix_enhancement_history_tenant_id_ticket_id", "enhancement_history", ["tenant_id", "ticket_id"])


def downgrade() -> None:
    op.drop_table("enhancement_history")
    op.drop_table("tenant_configs")
    op.drop_function("update_updated_at_column")
